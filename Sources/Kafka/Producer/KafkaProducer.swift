import CRdkafka
import Logging
import Synchronization

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
    guard let transactionalID else {
      // With several in flight, a broker that refuses a producer's first request for a partition, for it does not lead
      // the partition yet, may take the second one. librdkafka then reports the first as delivered, and it is lost.
      settings.defaults["max.in.flight"] = "1"
      return settings
    }
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

/// Some of the records of a `publish` were not delivered.
public struct KafkaPublishError: Error, Sendable, CustomStringConvertible {
  /// One record that was not delivered.
  public struct Failure: Sendable {
    /// The record's place in the order in which they were sent, from 0.
    public var index: Int
    /// Why.
    public var error: KafkaError
  }

  /// The number of records sent.
  public var count: Int
  /// Those not delivered, in their order.
  public var failures: [Failure]

  /// How many failed, and why the first did.
  public var description: String {
    let first = failures.first.map { ", the first is record \($0.index): \($0.error)" } ?? ""
    return "\(failures.count) of \(count) records were not delivered\(first)"
  }
}

extension KafkaProducer {
  /// Publishes records without a transaction, and waits until the brokers have each of them.
  /// - Parameter produce: writes the records. When it throws, those already written are still delivered.
  /// - Returns: where each record came to lie, in the order in which they were sent.
  /// - Throws: `KafkaPublishError` telling which records failed; `KafkaError` where none could be sent.
  @discardableResult
  public func publish(
    _ produce: @Sendable (inout KafkaRecordSink) throws -> Void
  ) throws -> [KafkaRecordPosition] {
    let writer: RecordWriter
    switch state {
    case .plain(let present): writer = present
    case .uninitialized, .ready:
      throw KafkaError(code: .state, message: "a transactional producer only transacts", operation: "publish")
    case .failed(let error): throw error
    case .closed: throw KafkaError.closed("publish")
    }
    reports.begin()
    writer.numbersRecords = true
    writer.count = 0
    let outcome = Result {
      var sink = KafkaRecordSink(writer: writer)
      try produce(&sink)
    }
    // Ends by itself: each record is delivered or given up after message.timeout.ms.
    while rd_kafka_flush(writer.client, 10_000) == RD_KAFKA_RESP_ERR__TIMED_OUT {}
    let reported = reports.end()
    if let fatal = writer.handle.fatalError("publish") {
      state = .failed(fatal)
      throw fatal
    }
    try outcome.get()
    let failures = reported.enumerated().filter { $0.element.code != RD_KAFKA_RESP_ERR_NO_ERROR }
    guard failures.isEmpty, reported.count == writer.count else {
      throw KafkaPublishError(
        count: writer.count,
        failures: failures.map { .init(index: $0.offset, error: KafkaError($0.element.code, operation: "publish")) })
    }
    return reported.map { KafkaRecordPosition(partition: $0.partition, offset: $0.offset) }
  }

  /// Publishes records without a transaction, and waits until the brokers have each of them.
  @discardableResult
  public func publish(_ records: [KafkaRecord]) throws -> [KafkaRecordPosition] {
    try publish { sink in
      for record in records { try sink.send(record) }
    }
  }
}

/// What librdkafka's background thread tells of a producer: errors, and the fate of each record.
final class DeliveryReports: ClientCallbacks {
  struct Report {
    var code: rd_kafka_resp_err_t
    var partition: Int32
    var offset: Int64
  }

  private let onFailure: @Sendable (KafkaError) -> Void
  private let reports = Mutex<[Report]>([])

  init(onFailure: @escaping @Sendable (KafkaError) -> Void) {
    self.onFailure = onFailure
  }

  func clientFailed(_ error: KafkaError) { onFailure(error) }

  /// Forgets the reports of the publishing before.
  func begin() { reports.withLock { $0.removeAll(keepingCapacity: true) } }

  /// The reports by the records' order, once all have come.
  func end() -> [Report] { reports.withLock { $0 } }

  func delivered(_ event: OpaquePointer) {
    reports.withLock { reports in
      while let message = rd_kafka_event_message_next(event) {
        // A record's number, counted from one, travels as its opaque pointer; those of transactions have none.
        guard let opaque = message.pointee._private else { continue }
        let index = Int(bitPattern: opaque) - 1
        let missing = Report(code: RD_KAFKA_RESP_ERR__FAIL, partition: -1, offset: -1)
        while reports.count <= index { reports.append(missing) }
        reports[index] = Report(
          code: message.pointee.err, partition: message.pointee.partition, offset: message.pointee.offset)
      }
    }
  }
}
