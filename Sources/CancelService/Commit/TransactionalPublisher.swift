import CancelCore
import Kafka
import Logging

/// `exactlyOnce`: each batch is one transaction, together with the consumer's position.
struct TransactionalPublisher: BatchPublisher {
  let producer: KafkaProducer
  let records: BatchRecords

  func publish(_ batch: CommitBatch, group: GroupMembership?) async throws {
    try await transact(batch.positions, group) { sink in
      try records.writeAnswers(batch, to: &sink)
      try records.writeLedger(batch, to: &sink)
    }
  }

  func confirm(positions: [Int32: Int64], group: GroupMembership?) async throws {
    try await transact(positions, group) { _ in }
  }

  private func transact(
    _ positions: [Int32: Int64], _ group: GroupMembership?,
    produce: @Sendable (inout KafkaRecordSink) throws -> Void
  ) async throws {
    try await producer.transact(
      offsets: records.offsets(positions), consumer: group?.consumer, assignment: group?.assignment,
      produce: produce)
  }
}

/// `atLeastOnce`: the answers are flushed, then the orders' states, then the consumer's position is committed.
///
/// Each step begins when the brokers have all of the one before. A state that says "answered", or a position past a
/// request, without the answer on its topic would leave the request unanswered for good.
struct FlushingPublisher: BatchPublisher {
  let producer: KafkaProducer
  let records: BatchRecords
  let logger: Logger

  private static let commitAttempts = 4

  /// What is published is not published again where only the position can't be committed: the next batch carries it.
  func publish(_ batch: CommitBatch, group: GroupMembership?) async throws {
    if !batch.results.isEmpty || !batch.refused.isEmpty {
      try await producer.publish { sink in try records.writeAnswers(batch, to: &sink) }
    }
    if !batch.ledger.isEmpty {
      try await producer.publish { sink in try records.writeLedger(batch, to: &sink) }
    }
    do {
      try await confirm(positions: batch.positions, group: group)
    } catch let error as KafkaError where !error.isFatal {
      logger.warning("the position can't be committed; it goes with the next one", metadata: ["error": "\(error)"])
    }
  }

  func confirm(positions: [Int32: Int64], group: GroupMembership?) async throws {
    guard let group else { return }
    var attempt = 1
    while true {
      do {
        try await group.consumer.commit(records.offsets(positions), under: group.assignment)
        return
      } catch let error as KafkaError where error.isRetriable && attempt < FlushingPublisher.commitAttempts {
        try await Task.sleep(for: .milliseconds(50 << attempt))
        attempt += 1
      }
    }
  }
}
