/// A proxy that makes tunnels with CONNECT.
package struct HTTPProxy: Sendable {
  /// The host's name or address, without brackets.
  package let host: String
  /// The port.
  package let port: Int
  /// The value of `proxy-authorization`, where the proxy demands credentials. Never shown.
  let authorization: String?

  /// Why an address is that of no proxy; never repeats the address, which may have a password in it.
  package struct Fault: Error, CustomStringConvertible {
    /// What is wrong and how to write it.
    package let description: String
  }

  /// A proxy.
  ///
  /// - Parameter credentials: `user:password`, where the proxy demands them.
  package init(host: String, port: Int, credentials: String? = nil) {
    self.host = host
    self.port = port
    self.authorization = credentials.map { "Basic " + Self.base64(Array($0.utf8)) }
  }

  /// Reads `http://proxy.example:3128`, with or without the scheme, and with or without `user:password@`.
  ///
  /// - Parameter credentials: `user:password`, which go before those in the address.
  package init(url: String, credentials: String? = nil) throws(Fault) {
    func refuse(_ why: String) -> Fault { Fault(description: "\(why); write it like http://proxy.example:3128") }
    var rest = url[...]
    if let scheme = rest.firstRange(of: "://") {
      guard rest[..<scheme.lowerBound].lowercased() == "http" else {
        throw refuse("is not http://: only proxies that speak CONNECT over plain HTTP are supported")
      }
      rest = rest[scheme.upperBound...]
    }
    if rest.hasSuffix("/") { rest.removeLast() }
    var user: String?
    if let at = rest.lastIndex(of: "@") {
      guard let decoded = percentDecoded(rest[..<at]) else { throw refuse("has credentials that can't be read") }
      user = decoded
      rest = rest[rest.index(after: at)...]
    }
    guard let (host, port) = Self.hostAndPort(rest) else { throw refuse("has no host and port that can be read") }
    self.init(host: host, port: port, credentials: credentials ?? user)
  }

  /// The proxy that the environment names for `origin` in `HTTPS_PROXY` (or `HTTP_PROXY` for a plain one), unless
  /// `NO_PROXY` excludes the host, or it is this machine. The names may be in lower case.
  ///
  /// - Throws: ``Fault`` that names the variable.
  package static func environment(_ environment: [String: String], for origin: HTTPOrigin) throws(Fault) -> HTTPProxy? {
    let variable = origin.isEncrypted ? "HTTPS_PROXY" : "HTTP_PROXY"
    guard let url = environment[variable.lowercased()] ?? environment[variable], !url.isEmpty, !origin.isLoopback
    else { return nil }
    let excluded = environment["no_proxy"] ?? environment["NO_PROXY"] ?? ""
    guard !excludes(excluded, origin) else { return nil }
    do {
      return try HTTPProxy(url: url)
    } catch {
      throw Fault(description: "the environment variable \(variable) \(error)")
    }
  }

  /// Whether the list of names, suffixes, addresses and IPv4 networks has the origin in it.
  private static func excludes(_ list: String, _ origin: HTTPOrigin) -> Bool {
    list.lowercased().split(whereSeparator: { $0 == "," || $0 == " " }).contains { entry in
      if entry == "*" { return true }
      var name = entry
      if name.count(where: { $0 == ":" }) == 1, let colon = name.lastIndex(of: ":") {
        guard Int(name[name.index(after: colon)...]) == origin.port else { return false }
        name = name[..<colon]
      }
      if let network = IPv4Network(name), let address = IPv4Network(origin.host[...]) {
        return network.contains(address)
      }
      if name.hasPrefix("*.") { name = name.dropFirst(1) }
      if name.hasPrefix(".") { name = name.dropFirst(1) }
      return !name.isEmpty && (origin.host == name || origin.host.hasSuffix(".\(name)"))
    }
  }

  private struct IPv4Network {
    private let address: UInt32
    private let bits: Int

    /// Reads `10.0.0.0/8` or `10.1.2.3`.
    init?(_ text: Substring) {
      let parts = text.split(separator: "/", omittingEmptySubsequences: false)
      let bytes = parts[0].split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
      let bits = parts.count == 2 ? Int(parts[1]) : 32
      guard parts.count <= 2, bytes.count == 4, let bits, (0...32).contains(bits) else { return nil }
      var address: UInt32 = 0
      for byte in bytes {
        guard let byte else { return nil }
        address = address << 8 | UInt32(byte)
      }
      self.address = address
      self.bits = bits
    }

    func contains(_ other: IPv4Network) -> Bool {
      bits == 0 || (address ^ other.address) >> UInt32(32 - bits) == 0
    }
  }

  private static func hostAndPort(_ text: Substring) -> (String, Int)? {
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
      (1...65535).contains(port)
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    let isHost = host.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: ":"):
        true
      default: false
      }
    }
    return isHost && !host.isEmpty ? (host.lowercased(), port) : nil
  }

  private static func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
      for index in 0..<4 {
        text.append(index <= group.count ? digits[(bits >> (18 - 6 * index)) & 63] : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}

extension HTTPProxy: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The address, without the credentials.
  package var description: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }

  /// The same as ``description``.
  package var debugDescription: String { description }

  /// A mirror without children, so that `dump` finds nothing.
  package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
