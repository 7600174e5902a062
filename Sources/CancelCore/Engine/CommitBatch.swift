import CancelContract

/// What one transaction carries: results, dead letters, changed order states and positions, all or none.
public struct CommitBatch: Sendable {
  /// The results of requests that are answered.
  public var results: [CancelResult] = []
  /// Messages that could not be taken as requests.
  public var refused: [RefusedMessage] = []
  /// The ledger records of orders that changed.
  public var ledger: [LedgerEntry] = []
  /// The offset of the next request to read, for each partition that the batch speaks of.
  public var positions: [Int32: Int64] = [:]

  /// By partition: the ownership under which it was built.
  var epochs: [Int32: UInt64] = [:]
  /// The orders behind `ledger`.
  var refs: [OrderRef] = []

  /// One record of the ledger topic.
  public struct LedgerEntry: Sendable {
    /// The partition, the same as the requests'.
    public var partition: Int32
    /// `orderId@account`.
    public var key: [UInt8]
    /// The order's state; `nil` for a tombstone.
    public var value: [UInt8]?
  }
}
