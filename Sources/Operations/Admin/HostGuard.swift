/// Which names a client may call the server by, in its `host` header.
///
/// A page of a stranger can have its own name point to this machine and read what the server says (DNS rebinding). It
/// can't do so under an address, `localhost` or a name without a dot, which nobody can register: these are allowed, as
/// are the bound host and the names that the operator lists. Probes and scrapes by address or service name so need no
/// setting. A request without the header comes from no browser and is allowed.
struct HostGuard: Sendable {
  private let names: Set<String>
  private let suffixes: [String]

  init(bound: String, allowed: [String]) {
    let all = ([bound] + allowed).map { $0.lowercased() }
    names = Set(all.filter { !$0.hasPrefix(".") })
    suffixes = all.filter { $0.hasPrefix(".") && $0.count > 1 }
  }

  func allows(_ authority: String?) -> Bool {
    guard let authority, !authority.isEmpty else { return true }
    guard authority.utf8.count <= 300 else { return false }
    guard let host = Self.host(of: authority.lowercased()) else { return false }
    if Self.isAddress(host) || names.contains(host) { return true }
    if host == "localhost" || host.hasSuffix(".localhost") { return true }
    return !host.contains(".") || suffixes.contains { host.hasSuffix($0) }
  }

  /// The host without its port, brackets and closing dot; `nil` where it can't be one.
  private static func host(of authority: String) -> String? {
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { return nil }
      let rest = authority[authority.index(after: end)...]
      guard rest.isEmpty || rest.hasPrefix(":") && isPort(rest.dropFirst()) else { return nil }
      return String(authority[...end])
    }
    let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
    guard let first = parts.first, parts.count <= 2, parts.count == 1 || isPort(parts[1]) else { return nil }
    let host = first.hasSuffix(".") ? first.dropLast() : first
    guard !host.isEmpty, host.utf8.allSatisfy({ isNameByte($0) }) else { return nil }
    return String(host)
  }

  /// Whether this is a host's name, or `.` and the name of a domain.
  static func isName(_ text: String) -> Bool {
    let name = text.hasPrefix(".") ? text.dropFirst() : text[...]
    return !name.isEmpty && name.utf8.count <= 253 && !name.hasPrefix(".") && name.utf8.allSatisfy(isNameByte)
  }

  private static func isPort(_ text: Substring) -> Bool { UInt16(text) != nil }

  private static func isAddress(_ host: String) -> Bool {
    if host.hasPrefix("[") {
      return host.dropFirst().dropLast().utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x61...0x66).contains($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
      }
    }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
      UInt8(ascii: "."), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
