import HTTPTransport

/// Where the API is: a base URL taken apart and found fit to carry credentials.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
  /// The base URL's scheme, host and port.
  package let origin: HTTPOrigin
  /// What stands before every path; empty, or `/…` without a `/` at its end.
  public let pathPrefix: String

  /// Reads a base URL such as `https://public-api.etoro.com`.
  ///
  /// - Parameters:
  ///   - baseURL: `https://host[:port][/prefix]`, or `http://` for a loopback host.
  ///   - allowPlaintext: Whether `http://` may be used with any host; credentials then travel readable.
  /// - Throws: ``CancelClientError`` with the code `baseURL` or `plaintext`.
  public init(baseURL: String, allowPlaintext: Bool = false) throws(CancelClientError) {
    func refuse(_ why: String) -> CancelClientError {
      CancelClientError(.baseURL, "the API's base URL \(why); write it like https://public-api.etoro.com")
    }
    guard let scheme = baseURL.firstRange(of: "://") else { throw refuse("has no scheme") }
    let isEncrypted: Bool
    switch baseURL[..<scheme.lowerBound].lowercased() {
    case "https": isEncrypted = true
    case "http": isEncrypted = false
    default: throw refuse("begins with neither https:// nor http://")
    }
    let rest = baseURL[scheme.upperBound...]
    guard !rest.contains("?") else { throw refuse("has a query") }
    guard !rest.contains("#") else { throw refuse("has a fragment") }
    guard !rest.contains("@") else { throw refuse("has user information, which would be a second credential") }
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    guard let (host, port) = Self.hostAndPort(rest[..<slash]) else {
      throw refuse("has no host name or address that can be read, or a port that is not 1 to 65535")
    }
    var prefix = rest[slash...]
    while prefix.hasSuffix("/") { prefix.removeLast() }
    guard prefix.utf8.allSatisfy(CancelPath.isPathByte), !prefix.contains("//") else {
      throw refuse("has a path with characters that a path may not have")
    }
    self.origin = HTTPOrigin(isEncrypted: isEncrypted, host: host, port: port ?? (isEncrypted ? 443 : 80))
    self.pathPrefix = String(prefix)
    guard isEncrypted || allowPlaintext || origin.isLoopback else {
      throw CancelClientError(
        .plaintext,
        "the API's base URL is plain http:// to \(host), so credentials would travel readable; use https://, "
          + "or set api.allowPlaintext")
    }
  }

  /// Whether the connection is encrypted.
  public var isEncrypted: Bool { origin.isEncrypted }

  /// The host's name or address, without brackets.
  public var host: String { origin.host }

  /// The port.
  public var port: Int { origin.port }

  /// The base URL in one spelling, without a `/` at its end.
  public var description: String { "\(isEncrypted ? "https" : "http")://\(origin.authority)\(pathPrefix)" }

  private static func hostAndPort(_ authority: Substring) -> (host: String, port: Int?)? {
    var host = authority
    var port: Int?
    let bracket = authority.lastIndex(of: "]")
    if let colon = authority.lastIndex(of: ":"), bracket.map({ $0 < colon }) ?? true {
      let digits = authority[authority.index(after: colon)...]
      guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
        (1...65535).contains(number)
      else { return nil }
      port = number
      host = authority[..<colon]
    }
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
      guard host.contains(":"), host.utf8.allSatisfy(isAddressByte) else { return nil }
      return (host.lowercased(), port)
    }
    guard !host.isEmpty, host.utf8.count <= 253, host.utf8.allSatisfy(isHostByte), !host.hasPrefix("."),
      !host.contains("..")
    else { return nil }
    return (host.lowercased(), port)
  }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  private static func isAddressByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ":"), UInt8(ascii: "."):
      true
    default: false
    }
  }
}
