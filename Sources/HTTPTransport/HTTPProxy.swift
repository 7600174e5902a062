import NIOCore

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
  /// With the scheme the port may be left out; it is the scheme's own then, 80. (Go takes that too, curl 1080.) Without
  /// either, what should be a name may as well be a word like `off`.
  ///
  /// - Parameter credentials: `user:password`, which go before those in the address.
  package init(url: String, credentials: String? = nil) throws(Fault) {
    func refuse(_ why: String) -> Fault { Fault(description: "\(why); write it like http://proxy.example:3128") }
    var rest = url[...]
    var defaultPort: Int?
    if let scheme = rest.firstRange(of: "://") {
      guard rest[..<scheme.lowerBound].lowercased() == "http" else {
        throw refuse("is not http://: only proxies that speak CONNECT over plain HTTP are supported")
      }
      rest = rest[scheme.upperBound...]
      defaultPort = 80
    }
    if rest.hasSuffix("/") { rest.removeLast() }
    var user: String?
    if let at = rest.lastIndex(of: "@") {
      guard let decoded = percentDecoded(rest[..<at]) else { throw refuse("has credentials that can't be read") }
      user = decoded
      rest = rest[rest.index(after: at)...]
    }
    guard let (host, port) = Self.hostAndPort(rest), let port = port ?? defaultPort, Self.isHost(host) else {
      throw refuse("has no host and port that can be read")
    }
    self.init(host: host.lowercased(), port: port, credentials: credentials ?? user)
  }

  /// The proxy that the environment names for `origin` in `HTTPS_PROXY` (or `HTTP_PROXY` for a plain one), else in
  /// `ALL_PROXY`, unless `NO_PROXY` excludes the host, or it is this machine. The names may be in lower case; an empty
  /// variable is like none.
  ///
  /// - Throws: ``Fault`` that names the variable.
  package static func environment(_ environment: [String: String], for origin: HTTPOrigin) throws(Fault) -> HTTPProxy? {
    let variables = [origin.isEncrypted ? "HTTPS_PROXY" : "HTTP_PROXY", "ALL_PROXY"].flatMap { [$0.lowercased(), $0] }
    guard let variable = variables.first(where: { environment[$0]?.isEmpty == false }),
      let url = environment[variable], !origin.isLoopback
    else { return nil }
    let excluded = environment["no_proxy"] ?? environment["NO_PROXY"] ?? ""
    guard !excludes(excluded, origin) else { return nil }
    do {
      return try HTTPProxy(url: url)
    } catch {
      throw Fault(description: "the environment variable \(variable) \(error)")
    }
  }

  /// Whether the list of names, suffixes, addresses and networks has the origin in it.
  private static func excludes(_ list: String, _ origin: HTTPOrigin) -> Bool {
    list.lowercased().split(whereSeparator: { $0 == "," || $0 == " " }).contains { entry in
      if entry == "*" { return true }
      // the colons of an address without brackets lead to no port
      guard let (host, port) = IPNetwork(entry) == nil ? hostAndPort(entry) : (entry, nil),
        port == nil || port == origin.port
      else { return false }
      var name = host
      if let network = IPNetwork(name), let address = IPNetwork(origin.host[...]) { return network.contains(address) }
      if name.hasPrefix("*.") { name = name.dropFirst(1) }
      if name.hasPrefix(".") { name = name.dropFirst(1) }
      return !name.isEmpty && (origin.host == name || origin.host.hasSuffix(".\(name)"))
    }
  }

  private struct IPNetwork {
    private let address: [UInt8]
    private let bits: Int

    /// Reads `10.0.0.0/8`, `10.1.2.3`, `fd00::/8` or `fd00::1`.
    init?(_ text: Substring) {
      let parts = text.split(separator: "/", omittingEmptySubsequences: false)
      switch try? SocketAddress(ipAddress: String(parts[0]), port: 0) {
      case .v4(let address): self.address = withUnsafeBytes(of: address.address.sin_addr) { Array($0) }
      case .v6(let address): self.address = withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
      case .unixDomainSocket, nil: return nil
      }
      let most = address.count * 8
      guard parts.count <= 2, let bits = parts.count == 2 ? Int(parts[1]) : most, (0...most).contains(bits) else {
        return nil
      }
      self.bits = bits
    }

    func contains(_ other: IPNetwork) -> Bool {
      let whole = bits / 8
      return address.count == other.address.count && address.prefix(whole) == other.address.prefix(whole)
        && (bits % 8 == 0 || (address[whole] ^ other.address[whole]) >> UInt8(8 - bits % 8) == 0)
    }
  }

  /// Parts `proxy.example:3128`, `[::1]:3128`, or either without the port.
  private static func hostAndPort(_ text: Substring) -> (host: Substring, port: Int?)? {
    var host = text.prefix { $0 != ":" }
    var rest = text[host.endIndex...]
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      host = text[..<end].dropFirst()
      rest = text[end...].dropFirst()
    }
    if rest.isEmpty { return (host, nil) }
    guard rest.first == ":", let port = Int(rest.dropFirst()), (1...65535).contains(port) else { return nil }
    return (host, port)
  }

  private static func isHost(_ text: Substring) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
          UInt8(ascii: ":"):
          true
        default: false
        }
      }
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
