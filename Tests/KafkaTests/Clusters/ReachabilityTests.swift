import Foundation
import Kafka
import Synchronization
import Testing

@Suite struct ReachabilityTests {
  private let cluster = OpenCluster(mock: nil, bootstrap: "127.0.0.1:1")

  private func finding(_ address: String, _ properties: [String: String] = [:]) async throws -> KafkaUnreachable {
    let configuration = KafkaClientConfiguration(
      bootstrapServers: address, clientID: "tests", properties: properties)
    let start = ContinuousClock.now
    do {
      try await KafkaAdmin.reach(configuration, logger: cluster.logger)
    } catch let error as KafkaUnreachable {
      #expect(ContinuousClock.now - start < .seconds(15), "long before librdkafka gives up by itself")
      #expect(!"\(error)".contains("\n"), "\(error)")
      for part in address.split(separator: ",") { #expect("\(error)".contains(part), "\(error)") }
      return error
    }
    throw CancellationError()
  }

  @Test func aClusterThatAnswersIsDescribed() async throws {
    let open = try TestCluster.mock.open(brokers: 2)
    let description = try await KafkaAdmin.reach(open.configuration, logger: open.logger)
    #expect(description.brokers.count == 2)
  }

  @Test func wrongNamesPortsAndTextsAreToldApart() async throws {
    #expect(try await finding("127.0.0.1:1").findings.map(\.finding) == [.refused])
    #expect(try await finding("no..host:9092").findings.map(\.finding) == [.unknownHost])
    let both = try await finding("127.0.0.1:1,no..host:9092")
    #expect(both.findings.map(\.finding) == [.refused, .unknownHost])
    #expect("\(both)".contains("refuses connections") && "\(both)".contains("can't be resolved"))
  }

  @Test func otherProtocolsAreNamed() async throws {
    let http = try Listener(answer: Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8))
    #expect(try await finding(http.address).findings.map(\.finding) == [.http])
    let tls = try Listener(answer: [0x15, 3, 3, 0, 2, 2, 0x46])
    let plain = try await finding(tls.address)
    #expect(plain.findings.map(\.finding) == [.tls])
    #expect("\(plain)".contains("security.protocol to ssl"), "\(plain)")
    let closes = try Listener(answer: [])
    #expect(try await finding(closes.address).findings.map(\.finding) == [.closes])
    let mock = try KafkaMockCluster(brokers: 1)
    let encrypted = try await finding(mock.bootstrapServers, ["security.protocol": "ssl"])
    #expect(encrypted.findings.map(\.finding) == [.kafka])
    #expect("\(encrypted)".contains("security.protocol to plaintext"), "\(encrypted)")
  }
}

/// Accepts connections, reads what comes first, answers and closes.
private final class Listener: Sendable {
  let address: String
  private let descriptor: Int32

  init(answer: [UInt8]) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard isBound, listen(descriptor, 16) == 0 else { throw CocoaError(.fileReadUnknown) }
    self.descriptor = descriptor
    self.address = "127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
    Thread.detachNewThread {
      while true {
        let connection = accept(descriptor, nil, nil)
        guard connection >= 0 else { break }
        var buffer = [UInt8](repeating: 0, count: 64)
        _ = recv(connection, &buffer, buffer.count, 0)
        if !answer.isEmpty { _ = send(connection, answer, answer.count, Int32(MSG_NOSIGNAL)) }
        close(connection)
      }
      // Here and nowhere else: a number that is closed while it is waited on may name another's socket next.
      close(descriptor)
    }
  }

  deinit {
    shutdown(descriptor, Int32(SHUT_RDWR))
  }
}
