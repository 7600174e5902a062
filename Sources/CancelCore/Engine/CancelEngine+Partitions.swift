import CancelContract

extension CancelEngine {
  /// Partitions that are owned, whether restored or not.
  public var ownedPartitions: [Int32] { partitions.keys.sorted() }

  /// Whether a partition is owned and its ledger read.
  public func isActive(_ number: Int32) -> Bool {
    partitions[number]?.phase == .active
  }

  /// Owns a partition from now on; nothing is decided for it until `restored`.
  public mutating func assign(_ number: Int32) {
    drop(number)
    lastEpoch += 1
    partitions[number] = PartitionLedger(epoch: lastEpoch)
  }

  /// Takes one record of the partition's ledger, in the order of its offsets.
  ///
  /// - Throws: a record that can't be read; the worker must not go on.
  public mutating func restore(_ number: Int32, key: [UInt8], value: [UInt8]?, at now: Timestamp) throws(LedgerError) {
    guard partitions[number]?.phase == .restoring else {
      preconditionFailure("A ledger is read only while its partition is being restored.")
    }
    // A tombstone says that there is nothing to know, whatever its key: a producer's warm-up writes one.
    guard value != nil || key.contains(UInt8(ascii: "@")) else { return }
    let parsed = try LedgerKey(utf8: key)
    let orderKey = OrderKey(orderID: parsed.orderID.value, account: accounts.number(of: parsed.account))
    let record = try value.map { (bytes) throws(LedgerError) in try LedgerRecord(decoding: bytes) }
    partitions[number]?.restore(orderKey, record, encoded: value, window: policy.quotaWindow, at: now)
  }

  /// The partition's ledger was read to its end: what was open waits again, in its old order.
  public mutating func restored(_ number: Int32, at now: Timestamp) {
    guard partitions[number]?.phase == .restoring else {
      preconditionFailure("A partition is restored once.")
    }
    partitions[number]?.phase = .active
    for (orderKey, sends) in partitions[number]?.restoredSends ?? [:] {
      guard let key = accounts.quotaKey(of: orderKey.account) else { continue }
      for send in sends where send.holdsSlot {
        guard let answeredAt = send.answeredAt, answeredAt + policy.quotaWindow > now else { continue }
        keys[key.index].quota.restore(release: answeredAt + policy.quotaWindow)
      }
    }
    partitions[number]?.restoredSends = [:]
    rememberedOrders += partitions[number]?.settled.count ?? 0
    for (orderKey, remembered) in partitions[number]?.settled ?? [:] {
      expiries.insert(OrderTimer(at: remembered.until, ref: OrderRef(key: orderKey, partition: number)))
    }
    for (orderKey, calls) in partitions[number]?.calls ?? [:] {
      expiries.insert(OrderTimer(at: calls.until, ref: OrderRef(key: orderKey, partition: number)))
    }
    reopen(number, at: now)
  }

  private mutating func reopen(_ number: Int32, at now: Timestamp) {
    let waiting = (partitions[number]?.open ?? [:]).sorted { left, right in
      guard let first = left.value.requests.first, let second = right.value.requests.first else { return false }
      return (first.received.receivedAt, first.received.source.offset)
        < (second.received.receivedAt, second.received.source.offset)
    }
    for (orderKey, order) in waiting {
      let ref = OrderRef(key: orderKey, partition: number)
      openOrders += 1
      openRequests += order.requests.count
      lastArrival += 1
      partitions[number]?.open[orderKey]?.rank.arrival = lastArrival
      partitions[number]?.open[orderKey]?.closeInterruptedCalls(at: now, callTimeout: policy.callTimeout)
      guard let key = accounts.quotaKey(of: orderKey.account) else {
        failRemovedAccount(ref, at: now)
        continue
      }
      if order.deadline <= now { expireRequests(of: ref, at: now) }
      guard partitions[number]?.open[orderKey] != nil, !refuseForCredential(ref, key, at: now) else { continue }
      enterQueue(ref)
      renewTimer(ref, at: now)
      planProgress(ref, at: now)
    }
  }

  /// Sends no further call for these partitions; they are to be given up.
  public mutating func leave(_ numbers: some Sequence<Int32>) {
    for number in numbers where partitions[number]?.phase == .active {
      partitions[number]?.phase = .leaving
    }
  }

  /// Gives partitions up: their state is dropped, and what is not committed is left to the next owner.
  public mutating func drop(_ numbers: some Sequence<Int32>) {
    for number in numbers { drop(number) }
  }

  private mutating func drop(_ number: Int32) {
    guard let partition = partitions.removeValue(forKey: number) else { return }
    if partition.phase != .restoring {
      for order in partition.open.values {
        leaveQueue(order)
        openOrders -= 1
        openRequests -= order.requests.count
      }
      rememberedOrders -= partition.settled.count
    }
    results.removeAll { $0.source.partition == number }
    refused.removeAll { $0.source.partition == number }
    notices.removeAll { $0.received.source.partition == number }
  }
}

extension PartitionLedger {
  mutating func restore(
    _ key: OrderKey, _ record: LedgerRecord?, encoded: [UInt8]?, window: Duration, at now: Timestamp
  ) {
    open.removeValue(forKey: key)
    settled.removeValue(forKey: key)
    calls.removeValue(forKey: key)
    restoredSends.removeValue(forKey: key)
    let sends: [Send]
    switch record {
    case nil:
      return
    case .open(let order):
      open[key] = order
      sends = order.earlierSends + order.sends
    case .settled(let outcome):
      guard let encoded else { return }
      settled[key] = RememberedOutcome(decodedRecord: encoded)
      sends = outcome.sends
    case .calls(let kept, let until):
      calls[key] = (kept, until)
      sends = kept
    }
    if OpenOrder.lastRelease(of: sends, window: window, at: now) != nil { restoredSends[key] = sends }
  }
}

extension OpenOrder {
  /// A call that was in flight when the worker ended may have reached the API; it counts as sent and unanswered.
  mutating func closeInterruptedCalls(at now: Timestamp, callTimeout: Duration) {
    for index in sends.indices where sends[index].answeredAt == nil {
      sends[index].answeredAt = min(now, sends[index].sentAt + callTimeout)
      attempts += 1
      outcomeUnknown = true
      lastFault = "the worker was stopped while a call was in flight"
    }
  }
}
