import CancelContract

extension CancelEngine {
  /// Puts an order in its key's queue.
  mutating func enterQueue(_ slot: OrderSlot) {
    guard let key = accounts.quotaKey(of: orders[slot].ref.key.account) else {
      preconditionFailure("An order waits only for an account that is configured.")
    }
    orders[slot].stage = .waiting(key)
    keys[key.index].waiting += 1
    insert(slot, in: key)
  }

  /// Gives an order that waits the place that its requests ask for now.
  mutating func requeue(_ slot: OrderSlot) {
    guard case .waiting(let key) = orders[slot].stage, orders[slot].queuedRank != orders[slot].rank else { return }
    insert(slot, in: key)
  }

  /// An order is about to wait no longer: its entry, where it has one, is stale from then on.
  mutating func leaveQueue(_ stage: OpenOrder.Stage) {
    switch stage {
    case .waiting(let key): keys[key.index].waiting -= 1
    case .backingOff(let key, _): keys[key.index].backingOff -= 1
    case .arriving, .inFlight, .held: break
    }
  }

  private mutating func insert(_ slot: OrderSlot, in key: QuotaKey) {
    let rank = orders[slot].rank
    orders[slot].queuedRank = rank
    keys[key.index].queue.insert(QueueEntry(rank: rank, slot: slot))
    joinLine(key, rank.priority)
    guard keys[key.index].queue.mayCompact(standing: keys[key.index].waiting, slack: 64) else { return }
    let orders = self.orders
    keys[key.index].queue.keep { orders.isStanding($0, in: key) }
  }

  /// The first order that waits for the key; entries that no longer stand are dropped on the way.
  mutating func firstWaiting(_ key: QuotaKey) -> QueueEntry? {
    while let entry = keys[key.index].queue.first {
      if isStanding(entry, in: key) { return entry }
      keys[key.index].queue.popFirst()
    }
    return nil
  }

  /// Whether an entry of the key's queue stands for an order that waits.
  func isStanding(_ entry: QueueEntry, in key: QuotaKey) -> Bool { orders.isStanding(entry, in: key) }

  /// Lines a key up for a look at what it may send.
  mutating func joinLine(_ key: QuotaKey, _ priority: Priority) {
    switch priority {
    case .killSwitch:
      guard !keys[key.index].isInLine.killSwitch else { return }
      keys[key.index].isInLine.killSwitch = true
      killSwitchLine.append(key)
    case .routine:
      guard !keys[key.index].isInLine.routine else { return }
      keys[key.index].isInLine.routine = true
      routineLine.append(key)
    }
  }

  /// Lines a key up if anything waits for it.
  mutating func joinLineIfWaiting(_ key: QuotaKey) {
    guard let first = firstWaiting(key) else { return }
    joinLine(key, first.rank.priority)
  }

  /// The key whose turn it is, with the order that waits first for it.
  mutating func popLine() -> (key: QuotaKey, entry: QueueEntry)? {
    while let key = killSwitchLine.popFirst() {
      keys[key.index].isInLine.killSwitch = false
      guard let entry = firstWaiting(key) else { continue }
      if entry.rank.priority == .killSwitch { return (key, entry) }
      // What put it in this line was answered meanwhile: it takes its turn among the others.
      joinLine(key, entry.rank.priority)
    }
    while let key = routineLine.popFirst() {
      keys[key.index].isInLine.routine = false
      if let entry = firstWaiting(key) { return (key, entry) }
    }
    return nil
  }
}

extension OpenOrders {
  /// Whether the entry's order waits for `key` with the very rank of the entry.
  fileprivate func isStanding(_ entry: QueueEntry, in key: QuotaKey) -> Bool {
    guard contains(entry.slot), case .waiting(key) = self[entry.slot].stage else { return false }
    return self[entry.slot].queuedRank == entry.rank
  }
}
