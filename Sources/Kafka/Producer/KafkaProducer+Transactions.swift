import CRdkafka
import Logging

extension KafkaProducer {
  /// Fences predecessors with the same transactional id, ends what they left open, and makes ready for `transact`.
  ///
  /// Retries what passes by itself until the timeout. The first transaction of a producer is slow (its coordinator has
  /// to be found); an empty `transact` at start-up spends that time.
  public func initTransactions(timeout: Duration) throws {
    let operation = "init_transactions"
    let writer: RecordWriter
    switch state {
    case .uninitialized(let present): writer = present
    case .ready: return
    case .plain:
      throw KafkaError(code: .state, message: "the producer has no transactional id", operation: operation)
    case .failed(let error): throw error
    case .closed: throw KafkaError.closed(operation)
    }
    let deadline = ContinuousClock.now + timeout
    while true {
      let remaining = max(.zero, deadline - .now).librdkafkaMilliseconds
      guard let object = rd_kafka_init_transactions(writer.client, remaining) else { break }
      let error = KafkaError(consuming: object, operation: operation)
      if error.isFatal { state = .failed(error) }
      guard error.isRetriable, ContinuousClock.now < deadline else { throw error }
      logger.debug("Kafka transactions are not ready yet", metadata: ["kafka.error": "\(error)"])
      DedicatedThread.rest(for: .milliseconds(20))
    }
    state = .ready(writer)
  }

  /// Publishes records and moves a group's position, all of it or nothing.
  ///
  /// Begins, sends the offsets, lets `produce` write the records, and commits, in one go on the producer's thread. What
  /// passes by itself is retried in place, for as long as it takes.
  /// - Parameters:
  ///   - offsets: for each partition the next offset to be read; may be empty.
  ///   - consumer: the group's member that read them; may be `nil` only where there are no offsets.
  ///   - assignment: the one under which they were read; may be `nil` only where there are no offsets. Nothing is
  ///     published where it has ended.
  ///   - produce: writes the records. When it throws, the transaction is aborted and its error is thrown on.
  /// - Throws: `KafkaError`. With `mustAbortTransaction` the transaction has been aborted, and the same content may be
  ///   sent again (a record that is too large has to be dealt with in `produce`, or it will be so again); with `isFatal`
  ///   the producer can no longer be used.
  public func transact(
    offsets: [KafkaTopicPartition: Int64] = [:], consumer: KafkaConsumer? = nil, assignment: KafkaAssignmentID? = nil,
    produce: @Sendable (inout KafkaRecordSink) throws -> Void
  ) throws {
    let writer = try readyWriter()
    let membership = offsets.isEmpty ? nil : try membership(of: consumer, assignment)
    try attempt(writer, "begin_transaction") { rd_kafka_begin_transaction(writer.client) }
    if let membership {
      // The offsets go first: adding partitions to a transaction whose predecessor is still being completed waits a
      // fixed 20 ms, adding offsets only retry.backoff.ms.
      let list = TopicPartitions(offsets)
      try attempt(writer, "send_offsets_to_transaction") {
        rd_kafka_send_offsets_to_transaction(writer.client, list.pointer, membership.metadata.pointer, -1)
      }
      // The broker checks the member and its generation, which a member that joins again may keep, but never who owns
      // the partitions: whether they were given up meanwhile is checked here.
      do {
        try membership.check("send_offsets_to_transaction")
      } catch {
        try abort(writer)
        throw error
      }
    }
    do {
      var sink = KafkaRecordSink(writer: writer)
      try produce(&sink)
    } catch {
      try abort(writer)
      guard var error = error as? KafkaError else { throw error }
      error.mustAbortTransaction = true
      throw error
    }
    try attempt(writer, "commit_transaction") { rd_kafka_commit_transaction(writer.client, -1) }
  }

  private func readyWriter() throws -> RecordWriter {
    switch state {
    case .ready(let writer):
      guard let error = writer.handle.fatalError("transact") else { return writer }
      state = .failed(error)
      throw error
    case .failed(let error): throw error
    case .closed: throw KafkaError.closed("transact")
    case .plain, .uninitialized:
      throw KafkaError(code: .state, message: "initTransactions has not been called", operation: "transact")
    }
  }

  private func membership(of consumer: KafkaConsumer?, _ assignment: KafkaAssignmentID?) throws -> Membership {
    guard let consumer, let assignment else {
      throw KafkaError(
        code: .invalidArgument, message: "offsets need the consumer and its assignment", operation: "transact")
    }
    return Membership(
      consumer: consumer, assignment: assignment, metadata: try consumer.groupMetadata(under: assignment))
  }

  /// Calls until it succeeds or fails for good. What fails for good leaves no open transaction behind: it is aborted
  /// here, or the producer is done with.
  private func attempt(_ writer: RecordWriter, _ operation: String, _ call: () -> OpaquePointer?) throws {
    var pause: Duration = .milliseconds(2)
    while let object = call() {
      var error = KafkaError(consuming: object, operation: operation)
      if error.isFatal || error.code.isFencing {
        error.isFatal = true
        error.mustAbortTransaction = false
        state = .failed(error)
        throw error
      }
      if error.isRetriable, !error.mustAbortTransaction {
        logger.debug("Kafka transaction is retried", metadata: ["kafka.error": "\(error)"])
        DedicatedThread.rest(for: pause)
        pause = min(pause * 2, .seconds(1))
        continue
      }
      try abort(writer)
      error.mustAbortTransaction = true
      throw error
    }
  }

  /// Ends the open transaction without a trace. Where even that fails the producer is done with, for nobody could say
  /// what state it is in.
  private func abort(_ writer: RecordWriter) throws {
    var pause: Duration = .milliseconds(2)
    while let object = rd_kafka_abort_transaction(writer.client, -1) {
      var error = KafkaError(consuming: object, operation: "abort_transaction")
      if error.isRetriable, !error.isFatal {
        logger.debug("Kafka transaction is retried", metadata: ["kafka.error": "\(error)"])
        DedicatedThread.rest(for: pause)
        pause = min(pause * 2, .seconds(1))
        continue
      }
      error.isFatal = true
      state = .failed(error)
      throw error
    }
  }
}

/// The place in the group in whose name a transaction's offsets are sent.
private struct Membership {
  let consumer: KafkaConsumer
  let assignment: KafkaAssignmentID
  let metadata: GroupMetadata

  func check(_ operation: String) throws { try consumer.checkAssignment(assignment, for: operation) }
}
