import CancelContract

extension CancelEngine {
  /// When `advance(to:)` is to be called next, if nothing else happens before; `nil` for never.
  ///
  /// It may turn out that nothing was due. Timers of orders that are answered are dropped on the way.
  public mutating func nextWake() -> Timestamp? {
    var wake = Timestamp.distantFuture
    while let timer = orderTimers.first, !isStanding(timer) { orderTimers.popFirst() }
    if let timer = orderTimers.first { wake = min(wake, timer.at) }
    if let timer = keyTimers.first { wake = min(wake, timer.at) }
    if let timer = endingTimers.first { wake = min(wake, max(timer.at, endingsSweptAt + CancelEngine.endingSweep)) }
    if let check = waitChecks.first { wake = min(wake, max(check.at, waitsSweptAt + CancelEngine.waitSweep)) }
    if let probeAt = apiGate.nextProbe, !isStopping, !(killSwitchLine.isEmpty && routineLine.isEmpty) {
      wake = min(wake, probeAt)
    }
    return wake == .distantFuture ? nil : wake
  }

  /// Does what has become due by `now`: answers requests at their deadlines, queues attempts again, ends memories.
  public mutating func advance(to now: Timestamp) {
    while let timer = orderTimers.first, timer.at <= now {
      orderTimers.popFirst()
      fire(timer, at: now)
    }
    while let timer = keyTimers.first, timer.at <= now {
      keyTimers.popFirst()
      guard keys[timer.key.index].timerAt == timer.at else { continue }
      keys[timer.key.index].timerAt = .distantFuture
      joinLineIfWaiting(timer.key)
    }
    endMemories(at: now)
    checkWaits(at: now)
  }

  /// Looks at an order at `time`, or earlier if that is planned already.
  mutating func setTimer(_ slot: OrderSlot, at time: Timestamp) {
    guard time < orders[slot].timerAt else { return }
    orders[slot].timerAt = time
    orderTimers.insert(OrderTimer(at: time, slot: slot))
    guard orderTimers.mayCompact(standing: openOrders, slack: 1024) else { return }
    let orders = self.orders
    orderTimers.keep { orders.contains($0.slot) && orders[$0.slot].timerAt == $0.at }
  }

  private func isStanding(_ timer: OrderTimer) -> Bool {
    orders.contains(timer.slot) && orders[timer.slot].timerAt == timer.at
  }

  /// Looks at an order when its next deadline or attempt is due.
  mutating func renewTimer(_ slot: OrderSlot) {
    guard orders.contains(slot) else { return }
    switch orders[slot].stage {
    case .arriving, .inFlight, .held: break
    case .waiting: setTimer(slot, at: orders[slot].rank.deadline)
    case .backingOff(_, let until): setTimer(slot, at: min(orders[slot].rank.deadline, until))
    }
  }

  /// Lines a key up again at `time`, or earlier if that is planned already.
  mutating func setTimer(_ key: QuotaKey, at time: Timestamp) {
    guard time < keys[key.index].timerAt else { return }
    keys[key.index].timerAt = time
    keyTimers.insert(KeyTimer(at: time, key: key))
  }

  private mutating func fire(_ timer: OrderTimer, at now: Timestamp) {
    let slot = timer.slot
    guard isStanding(timer) else { return }
    orders[slot].timerAt = .distantFuture
    expireRequests(of: slot, at: now)
    guard orders.contains(slot) else { return }
    if case .backingOff(let key, let until) = orders[slot].stage, until <= now {
      if let refusal = standingRefusal(of: key, at: now) { return refuse(slot, for: refusal, at: now) }
      leaveQueue(orders[slot].stage)
      enterQueue(slot)
    }
    planWaitCheck(slot, at: now)
    renewTimer(slot)
  }
}
