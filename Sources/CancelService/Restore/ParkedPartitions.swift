import CancelContract
import CancelCore

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
