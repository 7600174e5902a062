import CancelContract

extension CancelEngine {
  /// How often waits are looked at: places are counted by sorting a key's queue.
  static let waitSweep = Duration.milliseconds(500)

  /// The notices that have gathered, for the progress topic.
  public mutating func takeWaitNotices() -> [WaitNotice] {
    defer { notices = [] }
    return notices
  }

  /// The first look whether a request's wait is worth telling, well before the threshold: it may be foreseeable.
  func firstWaitCheck(_ now: Timestamp) -> Timestamp {
    guard let progressAfter = policy.progressAfter else { return .distantFuture }
    return now + min(progressAfter, .seconds(1))
  }

  /// Plans a look at how long an order waits, or an earlier one.
  mutating func planWaitCheck(_ slot: OrderSlot, at time: Timestamp) {
    guard policy.progressAfter != nil, orders[slot].wait.checkAt.map({ time < $0 }) ?? true else { return }
    orders[slot].wait.checkAt = time
    waitChecks.insert(OrderTimer(at: time, slot: slot))
    guard waitChecks.mayCompact(standing: openOrders, slack: 1024) else { return }
    let orders = self.orders
    waitChecks.keep { orders.contains($0.slot) && orders[$0.slot].wait.checkAt == $0.at }
  }

  mutating func checkWaits(at now: Timestamp) {
    guard let first = waitChecks.first, first.at <= now, waitsSweptAt + CancelEngine.waitSweep <= now,
      let progressAfter = policy.progressAfter
    else { return }
    waitsSweptAt = now
    var counted: Set<QuotaKey> = []
    while let check = waitChecks.first, check.at <= now {
      waitChecks.popFirst()
      guard orders.contains(check.slot), orders[check.slot].wait.checkAt == check.at else { continue }
      orders[check.slot].wait.checkAt = nil
      lookAtWait(of: check.slot, &counted, progressAfter, now)
    }
  }

  private mutating func lookAtWait(
    of slot: OrderSlot, _ counted: inout Set<QuotaKey>, _ progressAfter: Duration, _ now: Timestamp
  ) {
    let key: QuotaKey
    switch orders[slot].stage {
    case .arriving, .held: return
    case .inFlight: return planWaitCheck(slot, at: now + progressAfter)
    case .waiting(let own), .backingOff(let own, _): key = own
    }
    if counted.insert(key).inserted { countPlaces(in: key, at: now) }
    let place = orders[slot].wait.place(at: now) ?? keys[key.index].waiting + 1
    let (reason, estimate) = estimateWait(of: orders[slot], place: place, key, now)
    let expected = max(estimate ?? now, now)
    let slipped = orders[slot].wait.tellAgainAt.map { expected >= $0 } ?? false
    var told = orders[slot].wait.tellAgainAt == nil ? orders[slot].requests.map(\.progressEvents).max() ?? 0 : 0
    var nextLook = Timestamp.distantFuture
    for index in orders[slot].requests.indices {
      let request = orders[slot].requests[index]
      let isLong = expected >= request.received.receivedAt + progressAfter
      guard request.progressEvents == 0 ? isLong : slipped else {
        if request.progressEvents == 0 { nextLook = min(nextLook, request.received.receivedAt + progressAfter) }
        continue
      }
      let sequence = request.progressEvents + 1
      told = max(told, sequence)
      orders[slot].requests[index].progressEvents = sequence
      notices.append(
        WaitNotice(
          received: request.received, account: accounts.name(of: orders[slot].ref.key.account), reason: reason,
          place: place, estimatedAt: estimate, reportedAt: now, sequence: sequence))
    }
    if told > 0 {
      // Each time the patience doubles, so that an endless outage is told of ever less often.
      orders[slot].wait.tellAgainAt = expected + progressAfter * (1 << min(told, 16))
    }
    planWaitCheck(slot, at: min(nextLook, nextSlipCheck(of: orders[slot].wait, expected, progressAfter, now)))
  }

  /// When an order that was told of may have slipped: looked for ever more closely as the estimate draws near.
  private func nextSlipCheck(
    of wait: WaitWatch, _ expected: Timestamp, _ progressAfter: Duration, _ now: Timestamp
  ) -> Timestamp {
    guard let tellAgainAt = wait.tellAgainAt else { return .distantFuture }
    let halfway = now + max((expected - now) / 2, progressAfter)
    return min(max(tellAgainAt, now + progressAfter), halfway)
  }

  /// Tells the orders that wait in a key's queue their places, from 1.
  private mutating func countPlaces(in key: QuotaKey, at now: Timestamp) {
    var places = 0
    for entry in keys[key.index].queue.unordered.filter({ isStanding($0, in: key) }).sorted()
    where orders[entry.slot].wait.place(at: now) == nil {
      places += 1
      orders[entry.slot].wait.setPlace(places, at: now)
    }
  }

  /// What holds an order back, and when its call can be expected; `nil` where nobody can tell.
  private func estimateWait(
    of order: OpenOrder, place: Int, _ key: QuotaKey, _ now: Timestamp
  ) -> (WaitNotice.Reason, Timestamp?) {
    let index = key.index
    if keys[index].breaker.refusal != nil { return (.breakerHeld, nil) }
    if apiGate.outSince != nil || keys[index].gate.outSince != nil { return (.outage, nil) }
    if case .backingOff(_, let until) = order.stage { return (.outage, until) }
    return (.quota, keys[index].quota.estimate(place: place, priority: order.rank.priority, at: now))
  }
}
