import CancelContract

extension CancelEngine {
  /// How often memories that have ended are looked for: their tombstones are in no hurry.
  private static let expirySweep = Duration.seconds(1)

  /// When `advance(to:)` is to be called next, if nothing else happens before; `nil` for never.
  ///
  /// It may turn out that nothing was due.
  public func nextWake() -> Timestamp? {
    var wake = Timestamp.distantFuture
    if let timer = orderTimers.first { wake = min(wake, timer.at) }
    if let timer = keyTimers.first { wake = min(wake, timer.at) }
    if let timer = expiries.first { wake = min(wake, max(timer.at, expiriesSweptAt + CancelEngine.expirySweep)) }
    if let check = progressChecks.first {
      wake = min(wake, max(check.at, progressSweptAt + CancelEngine.progressSweep))
    }
    if !(killSwitchLine.isEmpty && routineLine.isEmpty), case .out(_, _, let probeAt) = apiGate.state {
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
    if let first = expiries.first, first.at <= now, expiriesSweptAt + CancelEngine.expirySweep <= now {
      expiriesSweptAt = now
      endMemories(at: now)
    }
    sweepProgress(at: now)
  }

  /// Looks at an order at `time`, or earlier if that is planned already.
  mutating func setTimer(_ ref: OrderRef, at time: Timestamp) {
    guard let planned = partitions[ref.partition]?.open[ref.key]?.timerAt, time < planned else { return }
    partitions[ref.partition]?.open[ref.key]?.timerAt = time
    orderTimers.insert(OrderTimer(at: time, ref: ref))
    guard orderTimers.mayCompact(standing: openOrders) else { return }
    var timers = orderTimers
    timers.keep { partitions[$0.ref.partition]?.open[$0.ref.key]?.timerAt == $0.at }
    orderTimers = timers
  }

  /// Looks at an order when its next deadline or attempt is due.
  mutating func renewTimer(_ ref: OrderRef, at now: Timestamp) {
    guard let order = partitions[ref.partition]?.open[ref.key] else { return }
    switch order.stage {
    case .arriving, .inFlight: break
    case .waiting: setTimer(ref, at: order.deadline)
    case .backingOff(let until): setTimer(ref, at: min(order.deadline, until))
    }
  }

  /// Lines a key up again at `time`, or earlier if that is planned already.
  mutating func setTimer(_ key: QuotaKey, at time: Timestamp) {
    guard time < keys[key.index].timerAt else { return }
    keys[key.index].timerAt = time
    keyTimers.insert(KeyTimer(at: time, key: key))
  }

  private mutating func fire(_ timer: OrderTimer, at now: Timestamp) {
    let ref = timer.ref
    guard partitions[ref.partition]?.phase == .active,
      partitions[ref.partition]?.open[ref.key]?.timerAt == timer.at
    else { return }
    partitions[ref.partition]?.open[ref.key]?.timerAt = .distantFuture
    expireRequests(of: ref, at: now)
    guard let order = partitions[ref.partition]?.open[ref.key] else { return }
    if case .backingOff(let until) = order.stage, until <= now {
      guard let key = accounts.quotaKey(of: ref.key.account) else { return failRemovedAccount(ref, at: now) }
      if refuseForCredential(ref, key, at: now) { return }
      enterQueue(ref)
    }
    planProgress(ref, at: now)
    renewTimer(ref, at: now)
  }

  private mutating func endMemories(at now: Timestamp) {
    while let expiry = expiries.first, expiry.at <= now {
      expiries.popFirst()
      let ref = expiry.ref
      if let remembered = partitions[ref.partition]?.settled[ref.key], remembered.until <= now {
        let sends = remembered.settled.sends
        guard OpenOrder.lastRelease(of: sends, window: policy.quotaWindow, at: now) == nil else { continue }
        partitions[ref.partition]?.settled.removeValue(forKey: ref.key)
        rememberedOrders -= 1
        markChanged(ref)
      } else if let calls = partitions[ref.partition]?.calls[ref.key], calls.until <= now {
        partitions[ref.partition]?.calls.removeValue(forKey: ref.key)
        markChanged(ref)
      }
    }
  }
}
