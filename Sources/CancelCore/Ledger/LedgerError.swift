/// A ledger record that can't be read. The worker stops on one: guessing at an order's state could lose its requests
/// or cancel it again.
public enum LedgerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The record was written by a newer version of the worker.
  case newerVersion(UInt8)
  /// The record ends too soon.
  case truncated(at: Int)
  /// The record's bytes make no sense.
  case malformed(String, at: Int)
  /// The record's key is neither `orderId@account` nor `orderId#n@account`.
  case malformedKey(String)

  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .newerVersion(let version):
      """
      the record has version \(version), and this worker reads up to \(LedgerRecord.version): \
      a newer worker wrote it; run that version or a later one
      """
    case .truncated(let position):
      "the record ends at byte \(position), too soon: is the ledger topic written by something else?"
    case .malformed(let what, let position):
      "\(what) at byte \(position): is the ledger topic written by something else?"
    case .malformedKey(let key):
      "the key '\(key)' is neither 'orderId@account' nor 'orderId#n@account': "
        + "is the ledger topic written by something else?"
    }
  }
}
