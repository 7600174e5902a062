import Logging

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// No broker can be reached, and what was found at the addresses.
public struct KafkaUnreachable: Error, Sendable, CustomStringConvertible {
  /// What answers at one address.
  public enum Finding: Sendable, Hashable {
    /// The name can't be resolved.
    case unknownHost
    /// Nothing listens there.
    case refused
    /// Nothing answers there: a firewall, or the wrong address.
    case silent
    /// It answers in HTTP.
    case http
    /// It answers in TLS.
    case tls
    /// It closes the connection without an answer, as a listener for TLS or for other clients does.
    case closes
    /// It is a Kafka listener without TLS.
    case kafka
    /// It is none of these.
    case other
    /// The text is no address.
    case malformed
  }

  /// The addresses that were tried, each with what was found there.
  public var findings: [(address: String, finding: Finding)]
  /// Whether the clients are configured to use TLS.
  public var usesTLS: Bool
  /// What librdkafka said.
  public var cause: KafkaError

  /// One line: the addresses, what was found, what to do.
  public var description: String {
    let found = findings.map { "\($0.address) \(sentence(of: $0.finding))" }
    return "no broker can be reached: " + (found.isEmpty ? "no address is given" : found.joined(separator: "; "))
  }

  private func sentence(of finding: Finding) -> String {
    switch finding {
    case .unknownHost: "has a host name that can't be resolved; check the spelling in kafka.bootstrapServers"
    case .refused: "refuses connections; start the broker, or check the port in kafka.bootstrapServers"
    case .silent: "does not answer; check the address and the firewall"
    case .http: "is an HTTP port, not a Kafka listener; check the port in kafka.bootstrapServers"
    case .tls where usesTLS:
      "answers in TLS, but no session could be agreed; check ssl.ca.location and the certificates"
    case .tls: "is a TLS port; set kafka.properties security.protocol to ssl or sasl_ssl"
    case .closes where usesTLS: "closes the connection; check ssl.* and sasl.* in kafka.properties"
    case .closes:
      "closes the connection; where it is a TLS port, set kafka.properties security.protocol to ssl or sasl_ssl"
    case .kafka where usesTLS: "is a Kafka listener without TLS; set kafka.properties security.protocol to plaintext"
    case .kafka:
      "is a Kafka listener, but the cluster does not answer; check sasl.* in kafka.properties and the brokers' log"
    case .other: "is no Kafka listener; check the port in kafka.bootstrapServers"
    case .malformed: "is no address; give host:port"
    }
  }
}

extension KafkaAdmin {
  /// Finds out whether the cluster can be reached, and where it can't, why: what is at each address is looked at with a
  /// connection of its own, for librdkafka says the same of a wrong port, a TLS port and a wrong name.
  /// - Parameter timeout: how long all of it may take; 5 s tell most.
  /// - Throws: `KafkaUnreachable`; `KafkaError` where the configuration or the credentials are refused.
  @discardableResult
  public nonisolated static func reach(
    _ configuration: KafkaClientConfiguration, timeout: Duration = .seconds(5), logger: Logger
  ) async throws -> KafkaClusterDescription {
    let admin = try KafkaAdmin(configuration: configuration, logger: logger)
    let probing = Task { await BrokerProbe.findings(configuration, timeout: timeout / 2) }
    let described = Task { try await admin.describeCluster(timeout: timeout * 9 / 10) }
    let (outcomes, outcome) = AsyncStream.makeStream(of: Result<KafkaClusterDescription, any Error>.self)
    Task { outcome.yield(await described.result) }
    Task {
      // Where no address leads anywhere, waiting for librdkafka tells nothing more.
      let findings = await probing.value
      guard findings.allSatisfy({ $0.finding.isDefinite }) else { return }
      try await Task.sleep(for: .milliseconds(300))
      let error = KafkaError(code: .allBrokersDown, message: "no address leads to a broker", operation: "connect")
      outcome.yield(.failure(admin.explainedByLastError(error)))
    }
    let first = await outcomes.first { _ in true }
    // The call that still waits ends by its own time-out.
    Task { await admin.close(timeout: timeout) }
    do {
      guard let first else { throw CancellationError() }
      return try first.get()
    } catch let error as KafkaError where error.isRetriable || error.code == .allBrokersDown {
      throw KafkaUnreachable(findings: await probing.value, usesTLS: configuration.usesTLS, cause: error)
    }
  }
}

extension KafkaUnreachable.Finding {
  /// Nothing that librdkafka may still find out.
  fileprivate var isDefinite: Bool {
    switch self {
    case .unknownHost, .refused, .http, .malformed: true
    case .silent, .tls, .closes, .kafka, .other: false
    }
  }
}

extension KafkaClientConfiguration {
  fileprivate var usesTLS: Bool { properties["security.protocol"]?.lowercased().hasSuffix("ssl") ?? false }
}

/// Looks at what answers at an address, with plain sockets: it sends the request that every Kafka client begins with.
private enum BrokerProbe {
  /// `ApiVersions`, version 0, correlation 1, client `probe`, with its length before it.
  private static let request: [UInt8] = [0, 0, 0, 15, 0, 18, 0, 0, 0, 0, 0, 1, 0, 5] + Array("probe".utf8)

  static func findings(
    _ configuration: KafkaClientConfiguration, timeout: Duration
  ) async -> [(address: String, finding: KafkaUnreachable.Finding)] {
    let addresses = configuration.bootstrapServers.split(separator: ",")
      .map { String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }.filter { !$0.isEmpty }
    return await withTaskGroup(of: (Int, KafkaUnreachable.Finding).self) { group in
      for (index, address) in addresses.enumerated() {
        group.addTask {
          let found = try? await BlockingTask.run(name: "kafka-probe") { _ in look(at: address, timeout: timeout) }
          return (index, found ?? .other)
        }
      }
      var findings: [Int: KafkaUnreachable.Finding] = [:]
      for await (index, finding) in group { findings[index] = finding }
      return addresses.enumerated().map { ($0.element, findings[$0.offset] ?? .other) }
    }
  }

  private static func look(at address: String, timeout: Duration) -> KafkaUnreachable.Finding {
    // librdkafka takes a protocol before the address.
    let plain = address.split(separator: "/").last.map(String.init) ?? address
    guard let colon = plain.lastIndex(of: ":"), let port = UInt16(plain[plain.index(after: colon)...]) else {
      return look(atHost: plain, port: 9092, timeout: timeout)
    }
    let host = plain[..<colon].filter { $0 != "[" && $0 != "]" }
    return host.isEmpty ? .malformed : look(atHost: String(host), port: port, timeout: timeout)
  }

  private static func look(atHost host: String, port: UInt16, timeout: Duration) -> KafkaUnreachable.Finding {
    var hints = addrinfo()
    #if canImport(Darwin)
      hints.ai_socktype = SOCK_STREAM
    #else
      hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #endif
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, "\(port)", &hints, &list) == 0 else { return .unknownHost }
    defer { freeaddrinfo(list) }
    var worst = KafkaUnreachable.Finding.refused
    var next = list
    while let entry = next?.pointee {
      let found = look(at: entry, timeout: timeout)
      if found != .refused, found != .silent { return found }
      if found == .silent { worst = .silent }
      next = entry.ai_next
    }
    return worst
  }

  private static func look(at entry: addrinfo, timeout: Duration) -> KafkaUnreachable.Finding {
    let descriptor = socket(entry.ai_family, entry.ai_socktype, entry.ai_protocol)
    guard descriptor >= 0 else { return .other }
    defer { close(descriptor) }
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL, 0) | O_NONBLOCK)
    let deadline = ContinuousClock.now + timeout
    if connect(descriptor, entry.ai_addr, entry.ai_addrlen) != 0 {
      guard errno == EINPROGRESS else { return .refused }
      guard wait(for: Int16(POLLOUT), on: descriptor, until: deadline) else { return .silent }
      var error: Int32 = 0
      var size = socklen_t(MemoryLayout<Int32>.size)
      getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size)
      if error == ECONNREFUSED { return .refused }
      if error != 0 { return .silent }
    }
    #if canImport(Darwin)
      let flags: Int32 = 0
    #else
      let flags = Int32(MSG_NOSIGNAL)
    #endif
    guard send(descriptor, request, request.count, flags) == request.count else { return .closes }
    if !wait(for: Int16(POLLIN), on: descriptor, until: min(deadline, .now + timeout / 2)) {
      // A server of lines waits for the end of one.
      _ = send(descriptor, "\r\n\r\n", 4, flags)
      guard wait(for: Int16(POLLIN), on: descriptor, until: deadline) else { return .silent }
    }
    var answer = [UInt8](repeating: 0, count: 16)
    let count = recv(descriptor, &answer, answer.count, 0)
    return count <= 0 ? .closes : kind(of: answer.prefix(count))
  }

  private static func kind(of answer: ArraySlice<UInt8>) -> KafkaUnreachable.Finding {
    if answer.starts(with: Array("HTTP/".utf8)) || answer.starts(with: Array("<".utf8)) { return .http }
    if answer.count >= 2, answer[0] == 0x15 || answer[0] == 0x16, answer[1] == 3 { return .tls }
    // An answer carries the request's number behind its length.
    if answer.count >= 8, answer[4...7].elementsEqual([0, 0, 0, 1]) { return .kafka }
    return .other
  }

  private static func wait(
    for events: Int16, on descriptor: Int32, until deadline: ContinuousClock.Instant
  ) -> Bool {
    while true {
      let left = (deadline - .now).librdkafkaMilliseconds
      var entry = pollfd(fd: descriptor, events: events, revents: 0)
      let count = poll(&entry, 1, left)
      if count > 0 { return true }
      if count == 0 || errno != EINTR { return false }
    }
  }
}
