import CancelCore

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
