import CancelContract
import CancelCore
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
    name = "bench-\(UUID().lowercasedText.prefix(8))"
    names = TopicNames(prefix: name)
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
      "TOPICS_CAMPAIGNS": names.campaigns, "TOPICS_CONFIRMATIONS": names.confirmations,
      "TOPICS_CONTROL": names.control,
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

extension BenchStage {
  private static let chunk = 20_000

  /// Publishes one request for each number, keyed by its order.
  func send(
    _ orders: Range<Int>, priority: String = "routine", with producer: KafkaProducer? = nil,
    account: @escaping @Sendable (Int) -> String? = { _ in nil }
  ) async throws {
    let topic = names.requests
    try await publish(orders, with: producer) { orders in
      orders.map { order in
        let member = account(order).map { ",\"account\":\"\($0)\"" } ?? ""
        return KafkaRecord(
          topic: topic, key: Array("\(order)".utf8),
          value: Array("{\"orderId\":\(order),\"priority\":\"\(priority)\"\(member)}".utf8))
      }
    }
  }

  /// Fills the ledger with orders that are settled.
  func remember(_ orders: Range<Int>) async throws {
    let ledger = SettledLedger(topic: names.ledger, partitions: partitions)
    try await publish(orders) { ledger.records(of: $0) }
  }

  /// A producer that has its connections and knows the topics: what it sends next is on its way at once.
  func warmProducer() async throws -> KafkaProducer {
    let producer = try producer()
    for partition in 0..<Int32(partitions) {
      // Not JSON: the worker refuses it.
      try await producer.publish([KafkaRecord(topic: names.requests, partition: partition, key: nil, value: [0])])
    }
    return producer
  }

  private func producer() throws -> KafkaProducer {
    try KafkaProducer(configuration: kafka, transactionalID: nil, logger: BenchStage.logger)
  }

  private func publish(
    _ orders: Range<Int>, with given: KafkaProducer? = nil, _ records: @Sendable (Range<Int>) -> [KafkaRecord]
  ) async throws {
    let producer = try given ?? producer()
    var next = orders.lowerBound
    while next < orders.upperBound {
      let end = min(next + BenchStage.chunk, orders.upperBound)
      try await producer.publish(records(next..<end))
      next = end
    }
    if given == nil { await producer.close(timeout: .seconds(5)) }
  }
}

extension BenchStage {
  /// Writes an accounts file with accounts `a0`, `a1`, … and returns the settings that name it.
  func accountsFile(_ count: Int) throws -> [String: String] {
    let members = (0..<count).map {
      "\"a\($0)\":{\"environment\":\"demo\",\"apiKey\":\"key\",\"userKey\":\"user-\($0)\"}"
    }
    let file = folder.appendingPathComponent("accounts.json")
    try "{\"accounts\":{\(members.joined(separator: ","))}}".write(to: file, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    return ["ACCOUNTS_FILE": file.path, "ACCOUNTS_DEFAULT": "a0"]
  }
}

/// Ledger records of orders that were cancelled, as the worker's own decisions write them.
struct SettledLedger: Sendable {
  let topic: String
  let partitions: Int

  /// The records of these orders, a moment old.
  func records(of orders: Range<Int>) -> [KafkaRecord] {
    var policy = CancelPolicy()
    policy.quotaCalls = 0
    policy.maxInFlight = 1
    var engine = CancelEngine(policy: policy, defaultAccount: "default", seed: 1)
    let now = Timestamp(microseconds: Int64(Date.now.timeIntervalSince1970 * 1e6))
    engine.configure(accounts: ["default": QuotaKey(index: 0)], at: now)
    for partition in 0..<Int32(partitions) {
      let assignment = Assignment(partition: partition, number: 1)
      engine.assign(assignment)
      engine.restored(assignment, position: 0, at: now)
    }
    for order in orders { cancel(order, &engine, at: now) }
    guard let batch = engine.nextBatch() else { return [] }
    return batch.ledger.map {
      KafkaRecord(topic: topic, partition: $0.partition, key: $0.key, value: $0.value)
    }
  }

  private func cancel(_ order: Int, _ engine: inout CancelEngine, at now: Timestamp) {
    guard let orderID = OrderID(Int64(order)) else { return }
    let request = ReceivedRequest(
      request: CancelRequest(cancelID: UUID().lowercasedText, orderID: orderID),
      source: SourceCoordinates(
        topic: topic, partition: Int32(order % partitions), offset: Int64(order / partitions)),
      producedAt: now, receivedAt: now)
    _ = engine.receive(request, at: now)
    guard let call = engine.nextCall(at: now, requestID: { UUID() }) else { return }
    engine.answered(
      call.id, CancelAnswer(kind: .accepted, httpStatus: 200, token: UUID().lowercasedText), at: now)
  }
}
