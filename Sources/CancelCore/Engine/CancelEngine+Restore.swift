import CancelContract

extension CancelEngine {
  /// Owns a partition from now on; nothing is decided for it until `restored`.
  public mutating func assign(_ number: Int32) {
    drop([number])
    lastEpoch += 1
    partitions.add(number, PartitionLedger(epoch: lastEpoch))
  }

  /// Takes one record of the partition's ledger, in the order of its offsets.
  ///
  /// - Throws: a record that can't be read; the worker must not go on.
  public mutating func restore(_ number: Int32, key: [UInt8], value: [UInt8]?, at now: Timestamp) throws(LedgerError) {
    guard partitions[number].phase == .restoring else {
      preconditionFailure("A ledger is read only while its partition is being restored.")
    }
    // A tombstone says that there is nothing to know, whatever its key: a producer's warm-up writes one.
    guard value != nil || key.contains(UInt8(ascii: "@")) else { return }
    let parsed = try LedgerKey(utf8: key)
    let orderKey = OrderKey(orderID: parsed.orderID.value, account: accounts.number(of: parsed.account))
    if parsed.piece > 0 {
      let requests = try value.map { (bytes) throws(LedgerError) in try LedgerRecord.requests(decoding: bytes) }
      partitions[number].restoredPieces[orderKey, default: [:]][parsed.piece] = requests
      return
    }
    let earlier: PartitionLedger.OrderState?
    if let value {
      if let memory = try RememberedRecord.restoring(value, window: policy.quotaWindow) {
        earlier = partitions[number].restore(orderKey, memory, at: now)
      } else {
        let state = try LedgerRecord.openState(decoding: value)
        let ref = OrderRef(key: orderKey, partition: number)
        let slot = orders.insert(OpenOrder(ref: ref, restoring: state))
        earlier = partitions[number].set(orderKey, .open(slot))
      }
    } else {
      earlier = partitions[number].set(orderKey, nil)
    }
    if case .open(let slot)? = earlier { _ = orders.remove(slot) }
  }

  /// The partition's ledger was read to its end: what was open waits again, in its old order.
  ///
  /// - Parameter position: the offset of the next request to read, where the shell knows it: a batch that speaks of the
  ///   partition before its next request was taken carries it.
  public mutating func restored(_ number: Int32, position: Int64? = nil, at now: Timestamp) {
    guard partitions[number].phase == .restoring else { preconditionFailure("A partition is restored once.") }
    let epoch = partitions[number].epoch
    partitions[number].phase = .active
    if let position { partitions[number].position = position }
    joinPieces(of: number, at: now)
    for at in partitions[number].endings.keys {
      endingTimers.insert(EndingTimer(at: at, partition: number, epoch: epoch))
    }
    var releases: [QuotaKey: [Timestamp]] = [:]
    restoreCalls(of: number, &releases, at: now)
    let open = openInOldOrder(number)
    for slot in open { restoreArrival(slot, &releases, at: now) }
    for (key, times) in releases { keys[key.index].quota.restore(releases: times) }
    for slot in open { reopen(slot, at: now) }
  }
}

extension PartitionLedger {
  /// Takes a memory as a ledger record has it.
  ///
  /// - Returns: what was known of the order before.
  fileprivate mutating func restore(
    _ key: OrderKey, _ memory: (record: RememberedRecord, end: Timestamp, release: Timestamp), at now: Timestamp
  ) -> OrderState? {
    // The timer is set when the partition is restored.
    _ = plan(key, end: memory.end, at: now)
    if memory.release > now { restoredCalls.append(key) }
    return set(key, .remembered(memory.record))
  }
}

extension LedgerRecord {
  fileprivate static func requests(decoding bytes: [UInt8]) throws(LedgerError) -> [OpenRequest] {
    guard case .more(let requests) = try LedgerRecord(decoding: bytes) else {
      throw .malformed("a record beside an order's own holds no requests", at: 1)
    }
    return requests
  }

  fileprivate static func openState(decoding bytes: [UInt8]) throws(LedgerError) -> OpenState {
    guard case .open(let state) = try LedgerRecord(decoding: bytes) else {
      throw .malformed("an order's own record holds nothing but further requests", at: 1)
    }
    return state
  }
}
