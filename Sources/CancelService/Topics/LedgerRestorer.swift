import CancelContract
import CancelCore
import Kafka
import Logging
import Synchronization

/// Reads ledger partitions to their end.
final class LedgerRestorer: LedgerReader {
  private let configuration: KafkaClientConfiguration
  private let topic: String
  private let logger: Logger
  private let state = Mutex(State())

  private struct State {
    var reading = 0
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  /// More would hold more memory; one alone could be held up by a partition that nobody leads.
  private static let partitionsAtATime = 2
  /// A partition of which nothing comes for so long gives its turn to the next one, and is read again later.
  private static let patience = Duration.seconds(10)

  init(configuration: KafkaClientConfiguration, topic: String, logger: Logger) {
    self.configuration = configuration
    self.topic = topic
    self.logger = logger
  }

  func read(
    _ partition: Int32, from offset: Int64, onRecords: @escaping @Sendable ([KafkaMessage]) throws -> Void
  ) async throws {
    await begin()
    defer { end() }
    _ = try await KafkaPartitionReader.readToEnd(
      configuration: configuration, topic: topic, from: [partition: offset], logger: logger,
      timeout: LedgerRestorer.patience, onBatch: onRecords)
  }

  func ends(of partitions: [Int32]) async throws -> [Int32: Int64] {
    try await KafkaPartitionReader.ends(
      configuration: configuration, topic: topic, partitions: partitions, logger: logger)
  }

  private func begin() async {
    await withCheckedContinuation { continuation in
      let mayBegin = state.withLock { state in
        guard state.reading >= LedgerRestorer.partitionsAtATime else {
          state.reading += 1
          return true
        }
        state.waiting.append(continuation)
        return false
      }
      if mayBegin { continuation.resume() }
    }
  }

  private func end() {
    let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
      state.reading -= 1
      return nil
    }
    next?.resume()
  }
}

/// A ledger record that this worker can't read; it must not go on.
public struct LedgerUnreadable: Error, CustomStringConvertible {
  /// The ledger's partition.
  public var partition: Int32
  /// The record's offset.
  public var offset: Int64
  /// What is wrong with it.
  public var cause: LedgerError

  /// What is wrong, where, and what to do.
  public var description: String {
    "the ledger can't be read at partition \(partition), offset \(offset): \(cause)"
  }
}

/// Partitions that were given up with all of their state in the ledger, for the case that they come back soon.
struct ParkedPartitions {
  /// Longer than a rebalance takes, and far below the time for which a compacted topic keeps tombstones.
  static let keptFor = Duration.seconds(300)

  private var parked: [Int32: (partition: ParkedPartition, ledgerEnd: Int64, until: Timestamp)] = [:]

  /// Keeps a partition whose state is that of its ledger up to `ledgerEnd`.
  mutating func keep(_ partition: ParkedPartition, ledgerEnd: Int64, at now: Timestamp) {
    parked[partition.number] = (partition, ledgerEnd, now + ParkedPartitions.keptFor)
  }

  /// Takes a partition out, with the offset of the first ledger record that it does not know.
  mutating func take(_ number: Int32, at now: Timestamp) -> (partition: ParkedPartition, ledgerEnd: Int64)? {
    guard let entry = parked.removeValue(forKey: number), entry.until > now else { return nil }
    return (entry.partition, entry.ledgerEnd)
  }

  /// Forgets what nobody asked for in time.
  mutating func expire(at now: Timestamp) {
    guard nextExpiry <= now else { return }
    parked = parked.filter { $0.value.until > now }
  }

  /// The clock was set: they are kept as long as they would have been.
  mutating func clockStepped(by step: Duration, window: Duration, at now: Timestamp) {
    for number in parked.keys {
      parked[number]?.until.clockStepped(by: step)
      parked[number]?.partition.clockStepped(by: step, window: window, at: now)
    }
  }

  /// When the next of them is to be forgotten; `.distantFuture` where there is none.
  var nextExpiry: Timestamp { parked.values.lazy.map(\.until).min() ?? .distantFuture }
}
