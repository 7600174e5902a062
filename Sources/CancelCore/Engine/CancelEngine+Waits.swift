import CancelContract

/// That a request waits, or will wait, long enough to be told.
public struct WaitNotice: Hashable, Sendable {
  /// What holds it back.
  public enum Reason: Sendable {
    /// The key's quota is used up.
    case quota
    /// The API, or this key's calls, fail.
    case outage
    /// The API refuses the credential, and requests are held.
    case breakerHeld
    /// An operator holds the account's cancels.
    case held
  }

  /// The request.
  public var received: ReceivedRequest
  /// The account it is for.
  public var account: AccountName
  /// What holds it back.
  public var reason: Reason
  /// Its place among the orders of its user key, from 1.
  public var place: Int
  /// When its call is expected; `nil` where that can't be told.
  public var estimatedAt: Timestamp?
  /// When this was found.
  public var reportedAt: Timestamp
  /// Counts the notices of one request from 1.
  public var sequence: UInt32
}

/// What was told of an order's wait, and when it is looked at again.
struct WaitWatch: Sendable {
  /// When its entry among the engine's checks is due; `nil` until a look is planned.
  var checkAt: Timestamp?
  /// Those who were told are told again once the estimate is past this; `nil` until anyone was.
  var reportAgainAt: Timestamp?
  /// Its place in its key's queue when that was last counted, and when that was.
  private var counted: (place: Int, at: Timestamp)?

  /// The place that was counted at this time; `nil` where none was.
  func place(at time: Timestamp) -> Int? {
    guard let counted, counted.at == time else { return nil }
    return counted.place
  }

  mutating func setPlace(_ place: Int, at time: Timestamp) {
    counted = (place, time)
  }

  /// The clock was set: every time keeps its distance to the present.
  mutating func clockStepped(by step: Duration) {
    checkAt?.clockStepped(by: step)
    reportAgainAt?.clockStepped(by: step)
    counted = nil
  }
}

extension CancelEngine {
  /// How often waits are looked at: places are counted by sorting a key's queue.
  static let waitSweep = Duration.milliseconds(500)

  /// The notices that have gathered, for the progress topic.
  public mutating func drainWaitNotices() -> [WaitNotice] {
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
      checkWait(of: check.slot, &counted, progressAfter, now)
    }
  }

  private mutating func checkWait(
    of slot: OrderSlot, _ counted: inout Set<QuotaKey>, _ progressAfter: Duration, _ now: Timestamp
  ) {
    let key: QuotaKey
    switch orders[slot].stage {
    case .arriving, .suspended: return
    case .inFlight: return planWaitCheck(slot, at: now + progressAfter)
    case .waiting(let own), .backingOff(let own, _), .held(let own): key = own
    }
    if counted.insert(key).inserted { countPlaces(in: key, at: now) }
    let place = orders[slot].wait.place(at: now) ?? keys[key.index].waiting + 1
    let (reason, estimate) = estimateWait(of: orders[slot], place: place, key, now)
    let expected = max(estimate ?? now, now)
    let slipped = orders[slot].wait.reportAgainAt.map { expected >= $0 } ?? false
    var told = orders[slot].wait.reportAgainAt == nil ? orders[slot].requests.map(\.progressEvents).max() ?? 0 : 0
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
      orders[slot].wait.reportAgainAt = expected + progressAfter * (1 << min(told, 16))
    }
    planWaitCheck(slot, at: min(nextLook, nextDelayCheck(of: orders[slot].wait, expected, progressAfter, now)))
  }

  /// When an order that was told of may have slipped: looked for ever more closely as the estimate draws near.
  private func nextDelayCheck(
    of wait: WaitWatch, _ expected: Timestamp, _ progressAfter: Duration, _ now: Timestamp
  ) -> Timestamp {
    guard let reportAgainAt = wait.reportAgainAt else { return .distantFuture }
    let halfway = now + max((expected - now) / 2, progressAfter)
    return min(max(reportAgainAt, now + progressAfter), halfway)
  }

  /// Tells the orders that wait in a key's queue their places, from 1.
  private mutating func countPlaces(in key: QuotaKey, at now: Timestamp) {
    var places = 0
    for entry in keys[key.index].queue.unordered.filter({ isCurrent($0, in: key) }).sorted()
    where orders[entry.slot].wait.place(at: now) == nil {
      places += 1
      orders[entry.slot].wait.setPlace(places, at: now)
    }
  }

  /// What holds an order back, and when its call can be expected; `nil` where nobody can tell.
  private func estimateWait(
    of order: OpenOrder, place: Int, _ key: QuotaKey, _ now: Timestamp
  ) -> (WaitNotice.Reason, Timestamp?) {
    if case .held = order.stage { return (.held, nil) }
    if let reason = closedGate(before: key) { return (reason, nil) }
    if case .backingOff(_, let until) = order.stage { return (.outage, until) }
    return (.quota, keys[key.index].quota.estimate(place: place, priority: order.rank.priority, at: now))
  }

  /// What holds back every call of a key, whatever its quota; `nil` where nothing does.
  func closedGate(before key: QuotaKey) -> WaitNotice.Reason? {
    if keys[key.index].breaker.refusal != nil { return .breakerHeld }
    return apiGate.outSince != nil || keys[key.index].gate.outSince != nil ? .outage : nil
  }

  /// What keeps an order from being called for at `now`; `nil` where nothing does but its turn.
  mutating func waitCause(of slot: OrderSlot, at now: Timestamp) -> WaitNotice.Reason? {
    let key: QuotaKey
    switch orders[slot].stage {
    case .arriving, .suspended, .inFlight: return nil
    case .backingOff: return .outage
    case .held: return .held
    case .waiting(let own): key = own
    }
    if let reason = closedGate(before: key) { return reason }
    let isFree = keys[key.index].quota.availability(for: orders[slot].rank.priority, at: now) == .now
    return isFree && !orders[slot].throttled ? nil : .quota
  }
}

extension CancelEngine {
  /// Takes what operators hold back from now on: what is covered waits, its deadline running; what no longer is takes
  /// its turn again. Calls that are in flight are left to finish.
  public mutating func hold(_ holds: Holds, at now: Timestamp) {
    let before = self.holds
    guard before != holds else { return }
    self.holds = holds
    for event in before.all where !holds.all.contains(where: { $0.account == event.account }) { note(.released(event)) }
    for event in holds.all where !before.all.contains(event) { note(.held(event)) }
    let waiting = orders.slots { order in
      switch order.stage {
      case .waiting, .held: true
      case .arriving, .backingOff, .inFlight, .suspended: false
      }
    }
    for slot in waiting.sorted(by: { orders[$0].rank.arrival < orders[$1].rank.arrival }) {
      requeue(slot, at: now)
      planWaitCheck(slot, at: firstWaitCheck(now))
    }
  }

  /// Whether an order waits because an operator wants it to.
  func isHeld(_ slot: OrderSlot) -> Bool {
    !holds.isEmpty && holds.cover(accounts.name(of: orders[slot].ref.key.account), orders[slot].rank.priority)
  }
}
