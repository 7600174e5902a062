import CRdkafka

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
