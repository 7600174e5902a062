/// A proxy that makes tunnels with CONNECT.
package struct HTTPProxy: Sendable {
  /// The host's name or address, without brackets.
  package let host: String
  /// The port.
  package let port: Int
  /// The value of `proxy-authorization`, where the proxy demands credentials. Never shown.
  let authorization: String?

  /// A proxy, with the credentials that it demands.
  ///
  /// - Parameter credentials: `user:password`.
  package init(host: String, port: Int, credentials: String? = nil) {
    self.host = host
    self.port = port
    self.authorization = credentials.map { "Basic " + Self.base64(Array($0.utf8)) }
  }

  private static func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
      var encoded: [UInt8] = []
      for _ in 0..<4 {
        encoded.insert(digits[bits & 63], at: 0)
        bits >>= 6
      }
      for index in (group.count + 1)..<4 { encoded[index] = UInt8(ascii: "=") }
      text += encoded
    }
    return String(decoding: text, as: UTF8.self)
  }
}

extension HTTPProxy: CustomStringConvertible, CustomReflectable {
  /// The address, without the credentials.
  package var description: String { "\(host):\(port)" }

  /// A mirror without children, so that `dump` finds nothing.
  package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
