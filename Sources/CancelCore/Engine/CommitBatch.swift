import CancelContract

/// What one transaction carries: results, dead letters, changed order states and positions, all or none.
public struct CommitBatch: Sendable {
  /// The results of requests that are answered.
  public var results: [CancelResult] = []
  /// Messages that could not be taken as requests.
  public var refused: [RefusedMessage] = []
  /// The ledger records of orders that changed.
  public var ledger: [LedgerEntry] = []
  /// The offset of the next request to read, for each partition that the batch speaks of, where it is known.
  public var positions: [Int32: Int64] = [:]

  /// What it speaks of, for the case that it is aborted.
  var parts: [Part] = []

  /// One record of the ledger topic.
  public struct LedgerEntry: Sendable {
    /// The partition, the same as the requests'.
    public var partition: Int32
    /// `orderId@account`, or `orderId#n@account` for the n-th record beside an order's own.
    public var key: [UInt8]
    /// The order's state; `nil` for a tombstone.
    public var value: [UInt8]?
  }

  /// What the batch takes from one partition.
  struct Part: Sendable {
    var partition: Int32
    /// The ownership under which it was built.
    var epoch: UInt64
    var changed: [OrderKey]
    /// The records that there may have been beside an order's own, before the batch.
    var extraRecords: [OrderKey: Set<Int>] = [:]
  }
}
