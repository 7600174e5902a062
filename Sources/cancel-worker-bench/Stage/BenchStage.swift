import CancelService
import Foundation
import Kafka
import Logging
import Synchronization

/// Topics of one measurement's own, the stub, and what a worker needs to use them.
struct BenchStage {
  static let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }

  let bootstrap: String
  let names: TopicNames
  let partitions: Int
  let stub: StubAPI
  let folder: URL
  private let binary: URL
  private let name: String

  init(
    bootstrap: String, worker: URL, partitions: Int = 4, delay: Duration = .zero, notesArrivals: Bool = false
  ) async throws {
    self.bootstrap = bootstrap
    self.partitions = partitions
    binary = worker
    name = "bench-\(UUID().uuidString.prefix(8).lowercased())"
    var names = TopicNames()
    names.requests = "\(name).requests"
    names.results = "\(name).results"
    names.ledger = "\(name).ledger"
    names.deadLetters = "\(name).dead-letters"
    names.progress = "\(name).progress"
    self.names = names
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let admin = try KafkaAdmin(
      configuration: KafkaClientConfiguration(bootstrapServers: bootstrap, clientID: "bench"),
      logger: BenchStage.logger)
    let outcomes = try await admin.createTopics(
      TopicLayout(names).specifications(partitions: partitions, replicationFactor: 1))
    await admin.close(timeout: .seconds(5))
    if let error = outcomes.lazy.compactMap(\.error).first { throw error }
    stub = try await StubAPI(delay: delay, notesArrivals: notesArrivals)
  }

  var kafka: KafkaClientConfiguration {
    KafkaClientConfiguration(bootstrapServers: bootstrap, clientID: "bench", properties: ["linger.ms": "0"])
  }

  /// For a reader that sees a commit at once, also where the broker does not wake it.
  var watching: KafkaClientConfiguration {
    KafkaClientConfiguration(bootstrapServers: bootstrap, clientID: "bench", properties: ["fetch.wait.max.ms": "1"])
  }

  /// Starts the worker and waits until it is ready.
  func worker(_ settings: [String: String]) async throws -> BenchWorker {
    let own = [
      "KAFKA_BOOTSTRAP_SERVERS": bootstrap, "CONSUMER_GROUP_ID": name, "WORKER_INSTANCE_ID": name,
      "TOPICS_REQUESTS": names.requests, "TOPICS_RESULTS": names.results, "TOPICS_LEDGER": names.ledger,
      "TOPICS_DEAD_LETTERS": names.deadLetters, "TOPICS_PROGRESS": names.progress,
      "API_BASE_URL": stub.baseURL, "ETORO_API_KEY": "key", "ETORO_USER_KEY": "user", "QUOTA_CALLS": "0",
      "LOG_LEVEL": "warning", "PROGRESS_AFTER": "off",
    ]
    return try await BenchWorker(
      binary: binary, environment: own.merging(settings) { _, given in given },
      log: folder.appendingPathComponent("worker.log"))
  }

  /// How many results are committed, and when the last of them was produced, in milliseconds since 1970.
  func results() async throws -> (count: Int, last: Int64) {
    let found = Mutex((count: 0, last: Int64(0)))
    _ = try await KafkaPartitionReader.readToEnd(
      configuration: kafka, topic: names.results,
      from: Dictionary(uniqueKeysWithValues: (0..<Int32(partitions)).map { ($0, 0) }), logger: BenchStage.logger
    ) { messages in
      found.withLock { found in
        found.count += messages.count
        for message in messages { found.last = max(found.last, message.timestampMilliseconds ?? 0) }
      }
    }
    return found.withLock { $0 }
  }

  /// Waits until so many records lie on the results topic, committed or about to be; looks every 10 ms.
  func waitForResultRecords(_ count: Int) async throws {
    let admin = try KafkaAdmin(configuration: kafka, logger: BenchStage.logger)
    while try await admin.watermarks(of: names.results).values.reduce(0, { $0 + $1.high }) < count {
      try await Task.sleep(for: .milliseconds(10))
    }
    await admin.close(timeout: .seconds(5))
  }

  /// Waits until each of `count` requests has its result.
  func waitForResults(_ count: Int) async throws -> (count: Int, last: Int64) {
    while true {
      let found = try await results()
      if found.count >= count { return found }
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  func clear() async throws {
    try await stub.stop()
    try FileManager.default.removeItem(at: folder)
  }
}
