import Foundation

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// A port that nobody listens on.
func freePort() throws -> Int {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let isBound = withUnsafeMutablePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
    }
  }
  guard isBound else { throw CocoaError(.fileReadUnknown) }
  return Int(UInt16(bigEndian: address.sin_port))
}

/// The status with which a page is answered.
func status(of url: String) async throws -> Int {
  try await page(url).status
}

/// A page's status, headers and body.
func page(_ url: String) async throws -> (status: Int, text: String) {
  guard let address = URL(string: url) else { throw CocoaError(.fileReadInvalidFileName) }
  let (data, response) = try await URLSession.shared.data(from: address)
  guard let answer = response as? HTTPURLResponse else { throw CocoaError(.fileReadUnknown) }
  return (answer.statusCode, "\(answer.allHeaderFields)\n" + String(decoding: data, as: UTF8.self))
}
