import CancelContract
import Kafka

/// A clock of the worker.
protocol WorkerClock: Sendable {
  /// The present time, with the steps that led to it.
  var reading: SteadyClock.Reading { get }
  /// How far the system's wall clock is ahead of this one.
  var difference: Duration { get }
}

extension WorkerClock {
  /// The present time.
  var now: Timestamp { reading.time }
}

extension SteadyClock: WorkerClock {}

/// Where requests come from.
protocol RequestSource: Sendable {
  /// Lets requests of these partitions come, where they are still assigned under this number.
  func resume(_ partitions: [Int32], number: UInt64)
  /// Gives credit back that came with messages.
  func acknowledge(_ credit: Int)
  /// Commits positions for the group, where its assignment still has this number.
  func commit(_ positions: [Int32: Int64], number: UInt64) async throws
  /// How many requests of each partition were not read yet, where known.
  var lagByPartition: [Int32: Int64] { get }
}

/// Reads the ledger topic.
protocol LedgerReader: Sendable {
  /// Reads a partition from an offset to its end, and hands the records over in order.
  ///
  /// - Throws: `KafkaError`, or what `onRecords` throws.
  func read(
    _ partition: Int32, from offset: Int64, onRecords: @escaping @Sendable ([KafkaMessage]) throws -> Void) async throws
  /// The offsets behind the newest records of these partitions.
  func ends(of partitions: [Int32]) async throws -> [Int32: Int64]
}
