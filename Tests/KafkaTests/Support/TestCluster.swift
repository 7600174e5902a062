import Foundation
import Kafka
import Logging

/// A cluster to test on: the embedded one, or the broker that `KAFKA_BOOTSTRAP` names.
enum TestCluster: Sendable, CustomStringConvertible {
  case mock
  case broker(String)

  static let bootstrap = ProcessInfo.processInfo.environment["KAFKA_BOOTSTRAP"]
  static let isFullKafka = bootstrap != nil && ProcessInfo.processInfo.environment["KAFKA_FULL"] != "0"

  /// Each cluster that is at hand.
  static var all: [TestCluster] { [.mock] + (bootstrap.map { [.broker($0)] } ?? []) }

  var description: String {
    switch self {
    case .mock: "mock cluster"
    case .broker(let address): address
    }
  }

  func open(brokers: Int = 1, properties: [String: String] = [:]) throws -> OpenCluster {
    switch self {
    case .mock:
      let mock = try KafkaMockCluster(brokers: brokers)
      // Members of its groups hear of a rebalance by their heartbeats.
      let quick = ["heartbeat.interval.ms": "100", "session.timeout.ms": "6000"]
      return OpenCluster(
        mock: mock, bootstrap: mock.bootstrapServers, properties: quick.merging(properties) { $1 })
    case .broker(let address):
      return OpenCluster(mock: nil, bootstrap: address, properties: properties)
    }
  }
}

struct OpenCluster: Sendable {
  let mock: KafkaMockCluster?
  let configuration: KafkaClientConfiguration
  let logger: Logger
  /// The lines that were logged.
  let log: Recorder<[String]>

  init(mock: KafkaMockCluster?, bootstrap: String, properties: [String: String] = [:]) {
    self.mock = mock
    configuration = KafkaClientConfiguration(
      bootstrapServers: bootstrap, clientID: "kafka-tests", properties: properties)
    let log = Recorder<[String]>([])
    let isLoud = ProcessInfo.processInfo.environment["KAFKA_TEST_LOG"] != nil
    let logger = Logger(label: "kafka-tests") { _ in RecordingLogHandler(log: log, isLoud: isLoud) }
    self.log = log
    self.logger = logger
  }

  /// A name that no other test uses.
  static func uniqueName(_ stem: String) -> String {
    "\(stem)-\(UUID().uuidString.prefix(8).lowercased())"
  }

  func createTopic(
    _ stem: String, partitions: Int, configuration topicConfiguration: [String: String] = [:]
  ) async throws -> String {
    let name = Self.uniqueName(stem)
    if let mock {
      try mock.createTopic(name, partitions: partitions)
      return name
    }
    let admin = try KafkaAdmin(configuration: configuration, logger: logger)
    let specification = KafkaTopicSpecification(
      name: name, partitions: partitions, replicationFactor: 1, configuration: topicConfiguration)
    for outcome in try await admin.createTopics([specification]) {
      if let error = outcome.error { throw error }
    }
    await admin.close(timeout: .seconds(5))
    return name
  }

  /// Publishes outside of any transaction.
  @discardableResult
  func publish(_ records: [KafkaRecord]) async throws -> [KafkaRecordPosition] {
    let producer = try KafkaProducer(configuration: configuration, transactionalID: nil, logger: logger)
    let positions = try await producer.publish(records)
    await producer.close(timeout: .seconds(5))
    return positions
  }

  func numbered(_ numbers: Range<Int>, topic: String, partition: Int32? = 0) -> [KafkaRecord] {
    numbers.map { KafkaRecord(topic: topic, partition: partition, key: nil, value: Array("\($0)".utf8)) }
  }

  func consumer(
    _ topic: String, group: String, handler: RecordingHandler, instance: String? = nil, maxOutstanding: Int = 100_000
  ) throws -> KafkaConsumer {
    KafkaConsumer(
      configuration: configuration, groupID: group, groupInstanceID: instance, topics: [topic], handler: handler,
      logger: logger, maxOutstanding: maxOutstanding)
  }

  /// All records of a topic, read afresh.
  func readAll(_ topic: String, partitions: Int) async throws -> [KafkaMessage] {
    let all = Recorder<[KafkaMessage]>([])
    let offsets = Dictionary(uniqueKeysWithValues: (0..<Int32(partitions)).map { ($0, Int64(0)) })
    _ = try await KafkaPartitionReader.readToEnd(
      configuration: configuration, topic: topic, from: offsets, logger: logger, timeout: .seconds(20)
    ) { messages in all.update { $0 += messages } }
    return all.state
  }
}

extension KafkaMessage {
  var text: String { value.map { String(decoding: $0, as: UTF8.self) } ?? "" }
  var number: Int { Int(text) ?? -1 }
}
