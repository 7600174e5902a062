import CancelContract
import CancelService
import Foundation
import Kafka
import Synchronization
import Testing

/// Topics of a test's own, with the worker's layout.
struct TestTopics {
  let names: TopicNames
  let partitions: Int
  let group: String

  /// Creates the topics under a name that no other test has.
  static func create(partitions: Int) async throws -> TestTopics {
    let prefix = "test-\(UUID().uuidString.prefix(8).lowercased())"
    let names = TopicNames(prefix: prefix)
    let admin = try KafkaAdmin(configuration: TestBroker.configuration, logger: TestBroker.logger)
    let brokers = try await admin.describeCluster(timeout: .seconds(10)).brokers.count
    let outcomes = try await admin.createTopics(
      TopicLayout(names).specifications(partitions: partitions, replicationFactor: min(3, max(1, brokers))))
    await admin.close(timeout: .seconds(5))
    for outcome in outcomes {
      if let error = outcome.error { Issue.record("topic \(outcome.name): \(error)") }
    }
    return TestTopics(names: names, partitions: partitions, group: "\(prefix)-group")
  }

  /// The environment variables that make a worker use these topics.
  var environment: [String: String] {
    [
      "KAFKA_BOOTSTRAP_SERVERS": TestBroker.bootstrap ?? "",
      "CONSUMER_GROUP_ID": group,
      "TOPICS_REQUESTS": names.requests,
      "TOPICS_RESULTS": names.results,
      "TOPICS_LEDGER": names.ledger,
      "TOPICS_DEAD_LETTERS": names.deadLetters,
      "TOPICS_PROGRESS": names.progress,
      "TOPICS_CAMPAIGNS": names.campaigns,
      "TOPICS_CONFIRMATIONS": names.confirmations,
      "TOPICS_CONTROL": names.control,
    ]
  }

  /// All committed results from the beginning, by a fresh reader.
  func results() async throws -> [CancelResult] {
    let found = Mutex<[CancelResult]>([])
    _ = try await KafkaPartitionReader.readToEnd(
      configuration: TestBroker.configuration, topic: names.results,
      from: beginnings(of: names.results), logger: TestBroker.logger
    ) { messages in
      for message in messages {
        let headers = message.headers.map { RecordHeader(name: $0.name, value: $0.value) }
        let event = try ResultDecoder().decode(value: message.value ?? [], key: message.key, headers: headers)
        found.withLock { $0.append(event.result) }
      }
    }
    return found.withLock { $0 }
  }

  /// The last committed record of each campaign; each is in one partition alone.
  func campaigns() async throws -> [String: CampaignRecord] {
    let found = Mutex<[String: CampaignRecord]>([:])
    try await read(names.campaigns) { message in
      guard message.value != nil else { return }
      let record = try CampaignDecoder().decode(
        value: message.value, headers: message.headers.map { RecordHeader(name: $0.name, value: $0.value) })
      found.withLock { $0[record.campaignID] = record }
    }
    return found.withLock { $0 }
  }

  /// All committed confirmations.
  func confirmations() async throws -> [ConfirmationEvent] {
    let found = Mutex<[ConfirmationEvent]>([])
    try await read(names.confirmations) { message in
      let event = try ConfirmationDecoder().decode(
        value: message.value, key: message.key,
        headers: message.headers.map { RecordHeader(name: $0.name, value: $0.value) })
      found.withLock { $0.append(event) }
    }
    return found.withLock { $0 }
  }

  /// The beginning of each partition of a topic; the control topic has one.
  private func beginnings(of topic: String) -> [Int32: Int64] {
    let count = topic == names.control ? 1 : partitions
    return Dictionary(uniqueKeysWithValues: (0..<Int32(count)).map { ($0, 0) })
  }

  private func read(_ topic: String, _ take: @escaping @Sendable (KafkaMessage) throws -> Void) async throws {
    _ = try await KafkaPartitionReader.readToEnd(
      configuration: TestBroker.configuration, topic: topic,
      from: beginnings(of: topic), logger: TestBroker.logger
    ) { messages in
      for message in messages { try take(message) }
    }
  }

  /// How many committed records a topic holds.
  func count(_ topic: String) async throws -> Int {
    let count = Mutex(0)
    _ = try await KafkaPartitionReader.readToEnd(
      configuration: TestBroker.configuration, topic: topic,
      from: beginnings(of: topic), logger: TestBroker.logger
    ) { messages in count.withLock { $0 += messages.count } }
    return count.withLock { $0 }
  }

  /// All committed records of a topic: their keys, values and headers, one after the other.
  func bytes(of topic: String) async throws -> [UInt8] {
    let bytes = Mutex<[UInt8]>([])
    _ = try await KafkaPartitionReader.readToEnd(
      configuration: TestBroker.configuration, topic: topic,
      from: beginnings(of: topic), logger: TestBroker.logger
    ) { messages in
      bytes.withLock { bytes in
        for message in messages {
          bytes += (message.key ?? []) + (message.value ?? [])
          for header in message.headers { bytes += Array(header.name.utf8) + (header.value ?? []) }
        }
      }
    }
    return bytes.withLock { $0 }
  }
}
