import HTTPTransport
import Logging
import NIOCore
import NIOPosix

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Asks workers for their status, at their admin ports.
public struct FleetReader: Sendable {
  private let logger: Logger
  private let timeout: Duration

  /// A reader that waits for each worker for this long at most.
  public init(logger: Logger, timeout: Duration = .seconds(3)) {
    self.logger = logger
    self.timeout = timeout
  }

  /// Asks all at once; one that can't be reached holds up no other.
  ///
  /// - Parameter addresses: `host:port`, with or without `http://` before it.
  public func ask(_ addresses: [String]) async -> [FleetMember] {
    await withTaskGroup(of: (Int, FleetMember).self) { group in
      for (index, address) in addresses.enumerated() {
        group.addTask { (index, await ask(address)) }
      }
      var reports: [(Int, FleetMember)] = []
      for await report in group { reports.append(report) }
      return reports.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }

  private func ask(_ address: String) async -> FleetMember {
    guard let origin = FleetReader.origin(address) else {
      return FleetMember(address: address, fault: "is not an address: write it as host:port")
    }
    var configuration = HTTPTransportConfiguration(origin: origin)
    configuration.timeout = timeout
    configuration.warmConnections = 0
    configuration.longestBody = 16 * 1024 * 1024
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    guard let client = try? HTTPTransportClient(configuration, on: loop, logger: logger) else {
      return FleetMember(address: address, fault: "can't be asked")
    }
    let template = HTTPRequestTemplate(method: .GET, origin: origin, pathPrefix: "/status", headers: [:])
    let request = HTTPRequest(
      template, argument: "", header: ("accept", "application/json"), secrets: HTTPSecretHeaders([]))
    let result = await withCheckedContinuation { continuation in
      client.send(request) { continuation.resume(returning: $0) }
    }
    await client.shutdown()
    switch result {
    case .failure(let fault): return FleetMember(address: address, fault: "can't be reached: \(fault.description)")
    case .success(let response) where response.status != 200:
      return FleetMember(address: address, fault: "it answered \(response.status)")
    case .success(let response):
      return FleetMember(address: address, body: Array(response.body.readableBytesView))
    }
  }

  /// The origin of an address; `nil` where it is none.
  static func origin(_ address: String) -> HTTPOrigin? {
    var rest = Substring(address)
    if rest.hasPrefix("http://") { rest = rest.dropFirst("http://".count) }
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    guard let colon = rest.lastIndex(of: ":"), let port = Int(rest[rest.index(after: colon)...]),
      (1...65_535).contains(port)
    else { return nil }
    var host = rest[..<colon].lowercased()
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    let isName = host.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x2E || byte == 0x3A
    }
    return host.isEmpty || !isName ? nil : HTTPOrigin(isEncrypted: false, host: host, port: port)
  }

  /// All addresses behind one name, as a headless service has them: each with the same port.
  ///
  /// - Parameter service: `name:port`.
  /// - Throws: ``FleetMember/Fault`` where it is no name with a port, or nothing stands behind it.
  public static func addresses(behind service: String) async throws(FleetMember.Fault) -> [String] {
    guard let origin = origin(service) else {
      throw FleetMember.Fault(reason: "'\(service)' is no name with a port: write it as name:port")
    }
    let found = await withCheckedContinuation { continuation in
      // A lookup blocks: it gets a thread of its own.
      NIOThreadPool.singleton.submit { _ in continuation.resume(returning: resolve(origin.host)) }
    }
    guard !found.isEmpty else { throw FleetMember.Fault(reason: "nothing stands behind '\(origin.host)'") }
    return found.map { $0.contains(":") ? "[\($0)]:\(origin.port)" : "\($0):\(origin.port)" }
  }

  private static func resolve(_ host: String) -> [String] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    #if canImport(Glibc)
      hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #else
      hints.ai_socktype = SOCK_STREAM
    #endif
    var first: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &first) == 0 else { return [] }
    defer { freeaddrinfo(first) }
    var found: Set<String> = []
    var next = first
    while let entry = next?.pointee {
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      if getnameinfo(entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 {
        found.insert(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
      }
      next = entry.ai_next
    }
    return found.sorted()
  }
}
