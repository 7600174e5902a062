import CancelContract

extension CancelEngine {
  /// Puts an order in its key's queue with the rank of its requests.
  mutating func enterQueue(_ ref: OrderRef) {
    guard let key = accounts.quotaKey(of: ref.key.account) else {
      preconditionFailure("An order waits only for an account that is configured.")
    }
    guard var rank = partitions[ref.partition]?.open[ref.key]?.rank,
      let priority = partitions[ref.partition]?.open[ref.key]?.priority,
      let deadline = partitions[ref.partition]?.open[ref.key]?.deadline
    else { preconditionFailure("Only an open order can wait.") }
    rank.priority = priority
    rank.deadline = deadline
    partitions[ref.partition]?.open[ref.key]?.rank = rank
    partitions[ref.partition]?.open[ref.key]?.stage = .waiting(key)
    keys[key.index].queue.insert(QueueEntry(rank: rank, ref: ref))
    keys[key.index].waiting += 1
    joinLine(key, priority)
    compactQueue(key)
  }

  /// An order is about to wait no longer: its entry, where it has one, is stale from then on.
  mutating func leaveQueue(_ order: OpenOrder) {
    guard case .waiting(let key) = order.stage else { return }
    keys[key.index].waiting -= 1
  }

  /// Gives a waiting order the rank that its requests have now.
  mutating func raise(_ ref: OrderRef) {
    guard let order = partitions[ref.partition]?.open[ref.key] else { return }
    let rank = CallRank(priority: order.priority, deadline: order.deadline, arrival: order.rank.arrival)
    guard rank != order.rank, case .waiting(let key) = order.stage else { return }
    partitions[ref.partition]?.open[ref.key]?.rank = rank
    keys[key.index].queue.insert(QueueEntry(rank: rank, ref: ref))
    joinLine(key, rank.priority)
    compactQueue(key)
  }

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

  mutating func popLine() -> QuotaKey? {
    if let key = killSwitchLine.popFirst() {
      keys[key.index].isInLine.killSwitch = false
      return key
    }
    if let key = routineLine.popFirst() {
      keys[key.index].isInLine.routine = false
      return key
    }
    return nil
  }

  /// The first order that waits for the key; entries that no longer stand are dropped on the way.
  mutating func firstWaiting(_ key: QuotaKey) -> QueueEntry? {
    while let entry = keys[key.index].queue.first {
      if stands(entry, in: key) { return entry }
      keys[key.index].queue.popFirst()
    }
    return nil
  }

  func stands(_ entry: QueueEntry, in key: QuotaKey) -> Bool {
    guard partitions[entry.ref.partition]?.phase == .active,
      case .waiting(key)? = partitions[entry.ref.partition]?.open[entry.ref.key]?.stage
    else { return false }
    return partitions[entry.ref.partition]?.open[entry.ref.key]?.rank == entry.rank
  }

  private mutating func compactQueue(_ key: QuotaKey) {
    guard keys[key.index].queue.mayCompact(standing: keys[key.index].waiting) else { return }
    var queue = keys[key.index].queue
    queue.keep { stands($0, in: key) }
    keys[key.index].queue = queue
  }
}
