import CancelContract

extension CancelEngine {
  /// Puts the requests of an order that was spread over several records together.
  mutating func joinPieces(of number: Int32, at now: Timestamp) {
    let restored = partitions[number].restoredPieces
    partitions[number].restoredPieces = [:]
    for (key, pieces) in restored where !pieces.isEmpty {
      let ref = OrderRef(key: key, partition: number)
      partitions[number].extraRecords[key] = Set(pieces.keys)
      let slot: OrderSlot
      switch partitions[number].orders[key] {
      case .open(let standing): slot = standing
      case .remembered(let record):
        // Without transactions an order's own record may be ahead of the others: their requests are open still.
        slot = orders.insert(OpenOrder(ref: ref, requests: [], arrival: 0))
        orders[slot].earlierSends = record.sends.holding(window: policy.quotaWindow, at: now)
        markChanged(slot)
      case nil:
        slot = orders.insert(OpenOrder(ref: ref, requests: [], arrival: 0))
        markChanged(slot)
      }
      partitions[number].set(key, .open(slot))
      orders[slot].join(pieces, sizeLimit: policy.ledgerRecordSize)
    }
    for slot in orders.slots(where: { $0.ref.partition == number && $0.requests.isEmpty }) {
      // No worker writes an order without a request; should there be one, there is nothing to answer.
      let ref = orders.remove(slot).ref
      partitions[number].set(ref.key, nil)
      markChanged(ref)
    }
  }

  /// Finds the slots that the calls of remembered orders hold.
  mutating func restoreCalls(of number: Int32, _ releases: inout [QuotaKey: [Timestamp]], at now: Timestamp) {
    let restored = Set(partitions[number].restoredCalls)
    partitions[number].restoredCalls = []
    for key in restored {
      guard case .remembered(let record)? = partitions[number].orders[key],
        let quotaKey = accounts.quotaKey(of: key.account)
      else { continue }
      addReleases(of: record.sends, to: &releases[quotaKey, default: []], at: now)
    }
  }

  /// The partition's open orders in the order in which they arrived.
  func openInOldOrder(_ number: Int32) -> [OrderSlot] {
    orders.slots { $0.ref.partition == number }.sorted { left, right in
      guard let first = orders[left].requests.first?.received, let second = orders[right].requests.first?.received
      else { return false }
      return (first.receivedAt, first.source.offset) < (second.receivedAt, second.source.offset)
    }
  }

  mutating func restoreArrival(
    _ slot: OrderSlot, _ releases: inout [QuotaKey: [Timestamp]], at now: Timestamp
  ) {
    lastArrival += 1
    openOrders += 1
    openRequests += orders[slot].requests.count
    orders[slot].rank.arrival = lastArrival
    if orders[slot].closeInterruptedCalls(at: now, callTimeout: policy.callTimeout) { markChanged(slot) }
    let ref = orders[slot].ref
    let highest = orders[slot].requests.reduce(-1) { max($0, $1.received.source.offset) }
    let restoredThrough = partitions[ref.partition].restoredThrough
    partitions[ref.partition].restoredThrough = max(restoredThrough, highest)
    guard let key = accounts.quotaKey(of: ref.key.account) else { return }
    addReleases(of: orders[slot].earlierSends + orders[slot].sends, to: &releases[key, default: []], at: now)
  }

  private func addReleases(of sends: [Send], to releases: inout [Timestamp], at now: Timestamp) {
    for send in sends.holding(window: policy.quotaWindow, at: now) {
      if let answeredAt = send.answeredAt {
        // By a clock that was ahead of this one, an answer would hold its slot for longer than a window.
        releases.append(min(answeredAt, now) + policy.quotaWindow)
      }
    }
  }

  mutating func reopen(_ slot: OrderSlot, at now: Timestamp) {
    guard let key = accounts.quotaKey(of: orders[slot].ref.key.account) else {
      return failRemovedAccount(slot, at: now)
    }
    expireRequests(of: slot, at: now)
    guard orders.contains(slot) else { return }
    if let refusal = standingRefusal(of: key, at: now) { return refuse(slot, for: refusal, at: now) }
    enterQueue(slot)
    renewTimer(slot)
    planWaitCheck(slot, at: now)
  }
}

extension OpenOrder {
  /// Takes the requests of further records to those of the order's own, in the order of their arrival.
  fileprivate mutating func join(_ restored: [Int: [OpenRequest]], sizeLimit: Int) {
    var all = [(number: 0, requests: requests)]
    for (number, requests) in restored.sorted(by: { $0.key < $1.key }) { all.append((number, requests)) }
    requests = all.flatMap(\.requests)
    pieces = RequestPieces(restored: all, sizeLimit: sizeLimit)
    renewRank()
  }
}
