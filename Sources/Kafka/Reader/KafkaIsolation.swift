/// Which records of transactions a reader sees.
public enum KafkaIsolation: String, Sendable {
  /// Only those that were committed.
  case readCommitted = "read_committed"
  /// All, those of open and aborted transactions too.
  case readUncommitted = "read_uncommitted"
}

/// Where reading of each partition begins.
public enum KafkaStartPosition: Sendable, Hashable {
  /// At the oldest record.
  case beginning
  /// Behind the newest one.
  case end
  /// At the given offsets; partitions not named begin at their oldest record.
  case offsets([Int32: Int64])
}
