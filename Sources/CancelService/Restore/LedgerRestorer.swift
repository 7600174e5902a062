import Kafka
import Logging
import NIOCore
import Synchronization

/// Reads ledger partitions to their end, into the worker's loop.
struct LedgerRestorer: Sendable {
  let configuration: KafkaClientConfiguration
  let topic: String
  let logger: Logger

  /// Reads the partitions' ledgers, each from the offset told; the reader's thread waits for the loop to take each
  /// batch, so nothing piles up.
  ///
  /// - Returns: the number of records read.
  /// - Throws: `RestoreAbandoned` where the partitions were given up meanwhile; `LedgerUnreadable`; `KafkaError`.
  func restore(from offsets: [Int32: Int64], generation: Int, into loop: WorkerLoop) async throws -> Int {
    let count = Mutex(0)
    _ = try await KafkaPartitionReader.readToEnd(
      configuration: configuration,
      topic: topic,
      from: offsets,
      logger: logger
    ) { records in
      count.withLock { $0 += records.count }
      try loop.eventLoop.submit {
        try loop.assumeIsolated { try $0.restore(records, generation: generation) }
      }.wait()
    }
    return count.withLock { $0 }
  }

  /// The offsets behind the newest records of these partitions' ledgers.
  func ends(of partitions: [Int32]) async throws -> [Int32: Int64] {
    try await KafkaPartitionReader.ends(
      configuration: configuration, topic: topic, partitions: partitions, logger: logger)
  }
}
