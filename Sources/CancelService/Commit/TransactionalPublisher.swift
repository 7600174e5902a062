import CancelCore
import Kafka
import Logging

/// `exactlyOnce`: each batch is one transaction, together with the consumer's position.
struct TransactionalPublisher: BatchPublisher {
  let producer: KafkaProducer
  let records: BatchRecords

  func publish(_ batch: CommitBatch, group: GroupMembership?) async throws {
    try await transact(batch.positions, group) { sink in try records.write(batch, to: &sink) }
  }

  func confirm(positions: [Int32: Int64], group: GroupMembership?) async throws {
    try await transact(positions, group) { _ in }
  }

  private func transact(
    _ positions: [Int32: Int64], _ group: GroupMembership?,
    produce: @Sendable (inout KafkaRecordSink) throws -> Void
  ) async throws {
    try await producer.transact(
      offsets: records.offsets(positions), consumer: group?.consumer, assignmentNumber: group?.assignmentNumber,
      produce: produce)
  }
}

/// `atLeastOnce`: the batch's records are flushed, then the consumer's position is committed.
struct FlushingPublisher: BatchPublisher {
  let producer: KafkaProducer
  let records: BatchRecords
  let logger: Logger

  private static let commitAttempts = 4

  /// What is published is not published again where only the position can't be committed: the next batch carries it.
  func publish(_ batch: CommitBatch, group: GroupMembership?) async throws {
    try await producer.publish { sink in try records.write(batch, to: &sink) }
    do {
      try await confirm(positions: batch.positions, group: group)
    } catch let error as KafkaError where !error.isFatal {
      logger.warning("the position can't be committed; it goes with the next one", metadata: ["error": "\(error)"])
    }
  }

  func confirm(positions: [Int32: Int64], group: GroupMembership?) async throws {
    var attempt = 1
    while true {
      do {
        try await group?.consumer.commit(records.offsets(positions))
        return
      } catch let error as KafkaError where error.isRetriable && attempt < FlushingPublisher.commitAttempts {
        try await Task.sleep(for: .milliseconds(50 << attempt))
        attempt += 1
      }
    }
  }
}
