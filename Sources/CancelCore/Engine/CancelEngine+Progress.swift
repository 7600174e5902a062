import CancelContract

extension CancelEngine {
  /// How often waits are looked at: places are counted by sorting a key's queue.
  static let progressSweep = Duration.milliseconds(500)

  /// The notices that have gathered, for the progress topic.
  public mutating func takeWaitNotices() -> [WaitNotice] {
    defer { notices = [] }
    return notices
  }

  /// Plans a look at how long an order waits.
  mutating func planProgress(_ ref: OrderRef, at now: Timestamp) {
    guard policy.progressAfter != nil, let order = partitions[ref.partition]?.open[ref.key],
      order.progressCheckAt == nil
    else { return }
    partitions[ref.partition]?.open[ref.key]?.progressCheckAt = now
    progressChecks.insert(OrderTimer(at: now, ref: ref))
  }

  mutating func sweepProgress(at now: Timestamp) {
    guard let first = progressChecks.first, first.at <= now, progressSweptAt + CancelEngine.progressSweep <= now
    else { return }
    progressSweptAt = now
    var places: [QuotaKey: [OrderRef: Int]] = [:]
    while let check = progressChecks.first, check.at <= now {
      progressChecks.popFirst()
      guard partitions[check.ref.partition]?.open[check.ref.key]?.progressCheckAt == check.at else { continue }
      look(at: check.ref, &places, now)
    }
  }

  private mutating func look(at ref: OrderRef, _ places: inout [QuotaKey: [OrderRef: Int]], _ now: Timestamp) {
    guard let progressAfter = policy.progressAfter, let order = partitions[ref.partition]?.open[ref.key],
      let first = order.requests.first, let key = accounts.quotaKey(of: ref.key.account)
    else { return }
    if case .inFlight = order.stage { return planNextLook(ref, at: now + progressAfter) }
    if places[key] == nil { places[key] = countPlaces(of: key) }
    let place = places[key]?[ref] ?? keys[key.index].waiting + 1
    let (reason, estimatedAt) = estimate(order, place: place, key, now)
    let since = first.received.receivedAt
    guard now >= since + progressAfter || estimatedAt.map({ $0 >= since + progressAfter }) ?? true else {
      return planNextLook(ref, at: since + progressAfter)
    }
    for index in order.requests.indices {
      let sequence = order.requests[index].progressEvents + 1
      partitions[ref.partition]?.open[ref.key]?.requests[index].progressEvents = sequence
      notices.append(
        WaitNotice(
          received: order.requests[index].received, account: accounts.name(of: ref.key.account), reason: reason,
          place: place, estimatedAt: estimatedAt, reportedAt: now, sequence: sequence))
    }
    // Told again only where the estimate has slipped: where the order still waits well past it.
    let told = Int(min(10, order.requests.map(\.progressEvents).max() ?? 0))
    let patience = progressAfter * (1 << told)
    planNextLook(ref, at: max(estimatedAt ?? now, now) + patience)
  }

  private mutating func planNextLook(_ ref: OrderRef, at time: Timestamp) {
    partitions[ref.partition]?.open[ref.key]?.progressCheckAt = time
    progressChecks.insert(OrderTimer(at: time, ref: ref))
    guard progressChecks.mayCompact(standing: openOrders) else { return }
    var checks = progressChecks
    checks.keep { partitions[$0.ref.partition]?.open[$0.ref.key]?.progressCheckAt == $0.at }
    progressChecks = checks
  }

  private func countPlaces(of key: QuotaKey) -> [OrderRef: Int] {
    var places: [OrderRef: Int] = [:]
    for entry in keys[key.index].queue.unordered.filter({ stands($0, in: key) }).sorted() where places[entry.ref] == nil
    {
      places[entry.ref] = places.count + 1
    }
    return places
  }

  /// What holds an order back, and when its call can be expected.
  private func estimate(
    _ order: OpenOrder, place: Int, _ key: QuotaKey, _ now: Timestamp
  ) -> (WaitNotice.Reason, Timestamp?) {
    let state = keys[key.index]
    if state.breaker.refusal != nil { return (.breakerHeld, nil) }
    if apiGate.outSince != nil || state.gate.outSince != nil { return (.outage, nil) }
    if case .backingOff(let until) = order.stage { return (.outage, until) }
    return (.quota, state.quota.estimate(place: place, priority: order.priority, at: now))
  }
}

extension QuotaWindow {
  /// When the call at this place of the queue (from 1) can be expected, if nothing overtakes it.
  public func estimate(place: Int, priority: Priority, at now: Timestamp) -> Timestamp {
    let start = max(blocked(at: now) ?? now, now)
    guard let limit else { return start }
    let usable = max(1, limit - (priority == .killSwitch ? 0 : reservedCalls))
    let free = max(0, (self.free(at: now) ?? 0) - (limit - usable))
    guard place > free else { return start }
    let behind = place - free - 1
    let held = releaseTimes.suffix(usable)
    let within = behind % usable
    let base = held.isEmpty ? now + windowLength : held[held.startIndex + min(within, held.count - 1)]
    return max(start, base + windowLength * (behind / usable))
  }
}
