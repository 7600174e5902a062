import CancelContract

extension CancelEngine {
  /// Whether anything waits to be committed, and no batch is under way.
  public var hasSomethingToCommit: Bool {
    guard committing == nil else { return false }
    return !results.isEmpty || !refused.isEmpty
      || partitions.values.contains { $0.positionChanged || !$0.changed.isEmpty }
  }

  /// Messages taken and not committed.
  public var uncommittedResults: Int { results.count }

  /// All that has gathered, as one batch to publish; `nil` when there is nothing, or one is under way.
  ///
  /// It is followed by `committed()` or `aborted()`.
  public mutating func takeCommit() -> CommitBatch? {
    guard hasSomethingToCommit else { return nil }
    var batch = CommitBatch()
    batch.results = results
    batch.refused = refused
    results = []
    refused = []
    for number in Array(partitions.keys) {
      guard let partition = partitions[number], partition.phase != .restoring else { continue }
      if let position = partition.position { batch.positions[number] = position }
      batch.epochs[number] = partition.epoch
      for orderKey in partition.changed { batch.add(orderKey, of: partition, number, accounts) }
      for orderKey in partition.changed where partition.open[orderKey] != nil {
        partitions[number]?.open[orderKey]?.inLedger = true
      }
      partitions[number]?.changed = []
      partitions[number]?.positionChanged = false
    }
    committing = batch
    return batch
  }

  /// The batch under way was committed.
  public mutating func committed() {
    guard committing != nil else { preconditionFailure("Only a batch under way can be committed.") }
    committing = nil
  }

  /// The batch under way was aborted: the same results go into the next one, with the orders' states as they are then.
  public mutating func aborted() {
    guard let batch = committing else { preconditionFailure("Only a batch under way can be aborted.") }
    committing = nil
    let owned = Set(batch.epochs.filter { partitions[$0.key]?.epoch == $0.value }.keys)
    results = batch.results.filter { owned.contains($0.source.partition) } + results
    refused = batch.refused.filter { owned.contains($0.source.partition) } + refused
    for ref in batch.refs where owned.contains(ref.partition) { markChanged(ref) }
    for number in batch.positions.keys where owned.contains(number) { partitions[number]?.positionChanged = true }
  }

  /// The order's ledger record is to be written.
  mutating func markChanged(_ ref: OrderRef) {
    partitions[ref.partition]?.changed.insert(ref.key)
  }
}

extension CommitBatch {
  fileprivate mutating func add(
    _ orderKey: OrderKey, of partition: PartitionLedger, _ number: Int32, _ accounts: AccountTable
  ) {
    let value: [UInt8]?
    if let order = partition.open[orderKey] {
      value = LedgerRecord.open(order).encoded()
    } else if let remembered = partition.settled[orderKey] {
      value = remembered.record
    } else if let calls = partition.calls[orderKey] {
      value = LedgerRecord.calls(calls.sends, until: calls.until).encoded()
    } else {
      value = nil
    }
    guard let orderID = OrderID(orderKey.orderID) else {
      preconditionFailure("An order's key was made from a positive id.")
    }
    let key = LedgerKey(orderID: orderID, account: accounts.name(of: orderKey.account))
    ledger.append(LedgerEntry(partition: number, key: key.utf8, value: value))
    refs.append(OrderRef(key: orderKey, partition: number))
  }
}
