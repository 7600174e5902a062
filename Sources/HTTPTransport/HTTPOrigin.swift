/// Where requests go: scheme, host and port.
package struct HTTPOrigin: Hashable, Sendable {
  /// Whether the connection is encrypted (`https`).
  package let isEncrypted: Bool
  /// The host's name or address in lower case, without brackets.
  package let host: String
  /// The port.
  package let port: Int

  /// An origin; `host` must be a valid name or address in lower case.
  package init(isEncrypted: Bool, host: String, port: Int) {
    self.isEncrypted = isEncrypted
    self.host = host
    self.port = port
  }

  /// The `host` header: the host, with its port where that is not the scheme's own.
  package var authority: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (isEncrypted ? 443 : 80) ? name : "\(name):\(port)"
  }

  /// Whether the host is this machine by name or address.
  package var isLoopback: Bool {
    host == "localhost" || host == "::1" || isIPv4 && host.hasPrefix("127.")
  }

  /// Whether the host is an address, which has no place in a TLS server name.
  package var isAddress: Bool { isIPv4 || host.contains(":") }

  private var isIPv4: Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
  }
}
