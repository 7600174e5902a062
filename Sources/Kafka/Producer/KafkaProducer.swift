import CRdkafka
import Logging

/// Publishes records: idempotent always, within transactions where a transactional id is given.
///
/// An actor on a thread of its own, since librdkafka's calls block and exclude each other. Errors and delivery reports
/// are served by librdkafka's background thread. Has to be closed when it is done with.
public actor KafkaProducer {
  private nonisolated let executor: DedicatedThreadExecutor
  let logger: Logger
  let reports: DeliveryReports
  var state: ProducerState
  private let destroyed = Completion()

  /// Runs the actor on its own thread.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// A producer; it connects by itself.
  /// - Parameters:
  ///   - transactionalID: names the producer over restarts, for transactions; `nil` for one without them.
  ///   - onFailure: hears of errors of the client as a whole, on a thread of librdkafka's. Must not block.
  /// - Throws: `KafkaError` where the configuration is refused.
  public init(
    configuration: KafkaClientConfiguration, transactionalID: String?, logger: Logger,
    onFailure: @escaping @Sendable (KafkaError) -> Void = { _ in }
  ) throws {
    executor = DedicatedThreadExecutor(name: "kafka-producer")
    self.logger = logger
    reports = DeliveryReports(onFailure: onFailure)
    let handle = try ClientHandle(
      .producer, configuration,
      settings: .producer(transactionalID: transactionalID, properties: configuration.properties), callbacks: reports,
      logger: logger, destroyed: destroyed)
    let writer = RecordWriter(handle: handle)
    state = transactionalID == nil ? .plain(writer) : .uninitialized(writer)
  }

  /// Ends the producer. Records that were not delivered yet are given up; an open transaction is left to the broker.
  /// - Returns: false where that took longer than the timeout; the rest is then left to itself.
  @discardableResult
  public nonisolated func close(timeout: Duration) async -> Bool {
    let release = Task { await self.release() }
    let isDone = await destroyed.wait(upTo: timeout)
    if !isDone { release.cancel() }
    return isDone
  }

  private func release() {
    state = .closed
  }
}

/// What a producer may do next. A transaction begins and ends within one job of the actor, so "in a transaction" is no
/// state that anybody else can meet.
enum ProducerState {
  /// No transactions: may publish.
  case plain(RecordWriter)
  /// Transactional, before `initTransactions`. Next: `ready`, `failed`.
  case uninitialized(RecordWriter)
  /// Transactional: may transact. Next: `failed`.
  case ready(RecordWriter)
  /// Met an error that it can't outlive. Next: `closed`.
  case failed(KafkaError)
  /// Ended.
  case closed
}

extension ClientSettings {
  static func producer(transactionalID: String?, properties: [String: String]) -> ClientSettings {
    var settings = ClientSettings(
      defaults: [
        // Keys meet in the same partitions as those of Java producers.
        "partitioner": "murmur2_random",
        "linger.ms": "1",
        "message.timeout.ms": "30000",
        "queue.buffering.max.kbytes": "131072",
      ],
      fixed: ["enable.idempotence": "true", "acks": "all"])
    guard let transactionalID else { return settings }
    settings.defaults["linger.ms"] = "0"
    settings.defaults["transaction.timeout.ms"] = "10000"
    // Before the broker gives the transaction up: then it can still be aborted here, and the producer goes on.
    let transactionTimeout = properties["transaction.timeout.ms"].flatMap { Int($0) } ?? 10_000
    settings.defaults["message.timeout.ms"] = String(max(1, transactionTimeout / 10 * 7))
    // The wait between one transaction and the next is made of these; the default of 100 ms shows in every commit.
    settings.defaults["retry.backoff.ms"] = "2"
    settings.fixed["transactional.id"] = transactionalID
    settings.fixed["delivery.report.only.error"] = "true"
    return settings
  }
}
