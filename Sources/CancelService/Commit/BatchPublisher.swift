import CancelCore
import Kafka

/// Publishes batches, one after another.
protocol BatchPublisher: Sendable {
  /// Publishes all of the batch, or, in a transaction, nothing of it.
  ///
  /// - Throws: `KafkaError`; a fatal one ends the worker, after any other the batch is built again.
  func publish(_ batch: CommitBatch, consumer: KafkaConsumer?) async throws

  /// Commits the positions once more, with nothing beside them: the group takes them only from their partitions' owner.
  ///
  /// - Throws: `KafkaError` where they are not taken.
  func confirm(positions: [Int32: Int64], consumer: KafkaConsumer?) async throws
}

/// Publishes notices of waits, at best effort.
protocol NoticePublisher: Sendable {
  /// Takes the notices and returns at once.
  func publish(_ notices: [WaitNotice])
}
