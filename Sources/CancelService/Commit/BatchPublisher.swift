import CancelCore
import Kafka

/// Publishes batches, one after another.
protocol BatchPublisher: Sendable {
  /// Publishes all of the batch, or, in a transaction, nothing of it.
  ///
  /// - Parameter group: the membership under which the batch was built.
  /// - Throws: `KafkaError`; a fatal one ends the worker, after any other the batch is built again.
  func publish(_ batch: CommitBatch, group: GroupMembership?) async throws

  /// Commits the positions once more, with nothing beside them: the group takes them only from their partitions' owner.
  ///
  /// - Throws: `KafkaError` where they are not taken.
  func confirm(positions: [Int32: Int64], group: GroupMembership?) async throws
}

/// The worker's place in its group, under one assignment.
struct GroupMembership: Sendable {
  let consumer: KafkaConsumer
  let assignment: KafkaAssignmentID
}

/// Publishes notices of waits, at best effort.
protocol NoticePublisher: Sendable {
  /// Takes the notices and returns at once.
  func publish(_ notices: [WaitNotice])
}
