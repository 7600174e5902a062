import CancelContract
import FoundationEssentials

extension CancelEngine {
  /// The next call to send at `now`, or `nil` when there is none: ask again after an answer, an arrival or `nextWake`.
  ///
  /// Keys take turns; those with a kill-switch in front go before the others.
  ///
  /// - Parameter requestID: a fresh UUID for each call: the API refuses one that it has seen.
  public mutating func nextCall(at now: Timestamp, requestID: () -> UUID) -> Call? {
    guard !isStopping else { return nil }
    while flights.count < policy.maxInFlight {
      guard let opensAt = apiGate.opensAt(now), opensAt <= now else { return nil }
      guard let (key, first) = nextReadyKey() else { return nil }
      if let call = nextCall(of: key, first, at: now, requestID: requestID) { return call }
    }
    return nil
  }

  private mutating func nextCall(
    of key: QuotaKey, _ first: QueueEntry, at now: Timestamp, requestID: () -> UUID
  ) -> Call? {
    var entry = first
    while true {
      if let isProbe = permission(for: entry, key, at: now) {
        return send(entry, key, isProbe: isProbe, at: now, requestID: requestID())
      }
      // Where the first order was answered instead, or has another rank now, the next one may go.
      guard let next = firstWaiting(key), next != entry else { return nil }
      guard next.rank.priority == first.rank.priority else {
        markReady(key, next.rank.priority)
        return nil
      }
      entry = next
    }
  }

  /// Whether an order may be called for now, and if so, whether that call is a probe; `nil` where it may not: it was
  /// answered instead, or a timer is set, or an answer that is on its way will tell.
  private mutating func permission(for entry: QueueEntry, _ key: QuotaKey, at now: Timestamp) -> Bool? {
    if entry.rank.deadline <= now {
      expireRequests(of: entry.slot, at: now)
      return nil
    }
    var isProbe = false
    switch keys[key.index].breaker.verdict(at: now) {
    case .pass: break
    case .probe: isProbe = true
    case .refuse(let refusal, let until):
      if policy.breakerMode == .failFast && refusal.isConfirmed {
        refuse(entry.slot, for: refusal, at: now)
      } else if let until {
        setTimer(key, at: until)
      }
      return nil
    }
    guard let opensAt = keys[key.index].gate.opensAt(now) else { return nil }
    guard opensAt <= now else {
      setTimer(key, at: opensAt)
      return nil
    }
    switch keys[key.index].quota.availability(for: entry.rank.priority, at: now) {
    case .now: return isProbe
    case .at(let time):
      keys[key.index].quotaWait[entry.rank.priority] = .until(time)
      setTimer(key, at: time)
    case .afterAnswer: keys[key.index].quotaWait[entry.rank.priority] = .untilAnAnswer
    }
    return nil
  }

  private mutating func send(
    _ entry: QueueEntry, _ key: QuotaKey, isProbe: Bool, at now: Timestamp, requestID: UUID
  ) -> Call {
    let lateness = lateness(of: entry, key, at: now)
    keys[key.index].queue.popFirst()
    keys[key.index].waiting -= 1
    keys[key.index].inFlight += 1
    if isProbe { keys[key.index].breaker.probeSent() }
    keys[key.index].gate.passed()
    apiGate.passed()
    let quotaSlot = keys[key.index].quota.take(at: now)
    lastCall += 1
    let id = CallID(number: lastCall)
    let slot = entry.slot
    orders[slot].stage = .inFlight(id)
    let sendIndex = orders[slot].addSend(
      Send(requestID: requestID, sentAt: now, holdsSlot: policy.quotaCalls > 0))
    flights[id] = Flight(order: slot, key: key, slot: quotaSlot, isProbe: isProbe, sendIndex: sendIndex)
    partitions[orders[slot].ref.partition].inFlight += 1
    markChanged(slot)
    counts.calls += 1
    markReadyIfWaiting(key)
    return call(id, of: orders[slot], requestID: requestID, lateness: lateness)
  }

  /// For how long the quota would have let the order be called for, while something else kept it waiting.
  private func lateness(of entry: QueueEntry, _ key: QuotaKey, at now: Timestamp) -> Duration {
    var earliest = orders[entry.slot].queuedAt
    if case .until(let time)? = keys[key.index].quotaWait[entry.rank.priority] { earliest = max(earliest, time) }
    return max(now - earliest, .zero)
  }

  private func call(_ id: CallID, of order: OpenOrder, requestID: UUID, lateness: Duration) -> Call {
    guard let first = order.requests.first?.received else {
      preconditionFailure("An open order has a request.")
    }
    return Call(
      id: id,
      orderID: first.request.orderID,
      account: accounts.name(of: order.ref.key.account),
      requestID: requestID,
      priority: order.rank.priority,
      producedAt: first.producedAt,
      receivedAt: first.receivedAt,
      attempt: order.attempts + 1,
      isFirst: order.sends.count == 1 && order.earlierSends.isEmpty,
      lateness: lateness,
      headers: first.echoedHeaders
    )
  }

  /// Puts an order in its key's queue.
  mutating func enterQueue(_ slot: OrderSlot, at now: Timestamp) {
    guard let key = accounts.quotaKey(of: orders[slot].ref.key.account) else {
      preconditionFailure("An order waits only for an account that is configured.")
    }
    guard !isHeld(slot) else {
      orders[slot].stage = .held(key)
      return
    }
    orders[slot].stage = .waiting(key)
    keys[key.index].waiting += 1
    orders[slot].queuedAt = now
    insert(slot, in: key)
  }

  /// Gives an order that waits the place that its requests, and the holds, ask for now.
  mutating func requeue(_ slot: OrderSlot, at now: Timestamp) {
    switch orders[slot].stage {
    case .waiting(let key):
      if isHeld(slot) {
        leaveQueue(orders[slot].stage)
        orders[slot].stage = .held(key)
      } else if orders[slot].queuedRank != orders[slot].rank {
        if orders[slot].queuedRank?.priority != orders[slot].rank.priority { orders[slot].queuedAt = now }
        insert(slot, in: key)
      }
    case .held: if !isHeld(slot) { enterQueue(slot, at: now) }
    case .arriving, .backingOff, .inFlight, .suspended: break
    }
  }

  /// An order is about to wait no longer: its entry, where it has one, is stale from then on.
  mutating func leaveQueue(_ stage: OpenOrder.Stage) {
    switch stage {
    case .waiting(let key): keys[key.index].waiting -= 1
    case .backingOff(let key, _): keys[key.index].backingOff -= 1
    case .arriving, .inFlight, .suspended, .held: break
    }
  }

  private mutating func insert(_ slot: OrderSlot, in key: QuotaKey) {
    let rank = orders[slot].rank
    orders[slot].queuedRank = rank
    keys[key.index].queue.insert(QueueEntry(rank: rank, slot: slot))
    markReady(key, rank.priority)
    guard keys[key.index].queue.mayCompact(standing: keys[key.index].waiting, slack: 64) else { return }
    let orders = self.orders
    keys[key.index].queue.keep { orders.isCurrent($0, in: key) }
  }

  /// The first order that waits for the key; entries that no longer stand are dropped on the way.
  mutating func firstWaiting(_ key: QuotaKey) -> QueueEntry? {
    while let entry = keys[key.index].queue.first {
      if isCurrent(entry, in: key) { return entry }
      keys[key.index].queue.popFirst()
    }
    return nil
  }

  /// Whether an entry of the key's queue stands for an order that waits.
  func isCurrent(_ entry: QueueEntry, in key: QuotaKey) -> Bool { orders.isCurrent(entry, in: key) }

  /// Lines a key up for a look at what it may send.
  mutating func markReady(_ key: QuotaKey, _ priority: Priority) {
    switch priority {
    case .killSwitch:
      guard !keys[key.index].isReady.killSwitch else { return }
      keys[key.index].isReady.killSwitch = true
      readyKillSwitchKeys.append(key)
    case .routine:
      guard !keys[key.index].isReady.routine else { return }
      keys[key.index].isReady.routine = true
      readyRoutineKeys.append(key)
    }
  }

  /// Lines a key up if anything waits for it.
  mutating func markReadyIfWaiting(_ key: QuotaKey) {
    guard let first = firstWaiting(key) else { return }
    markReady(key, first.rank.priority)
  }

  /// The key whose turn it is, with the order that waits first for it.
  mutating func nextReadyKey() -> (key: QuotaKey, entry: QueueEntry)? {
    while let key = readyKillSwitchKeys.popFirst() {
      keys[key.index].isReady.killSwitch = false
      guard let entry = firstWaiting(key) else { continue }
      if entry.rank.priority == .killSwitch { return (key, entry) }
      // What put it in this line was answered meanwhile: it takes its turn among the others.
      markReady(key, entry.rank.priority)
    }
    while let key = readyRoutineKeys.popFirst() {
      keys[key.index].isReady.routine = false
      if let entry = firstWaiting(key) { return (key, entry) }
    }
    return nil
  }

  /// Takes what an answer tells of the quota, the credential and the API.
  ///
  /// - Parameters:
  ///   - hasOldCredential: whether the call may have carried a credential that was replaced meanwhile: its answer tells
  ///     nothing of today's.
  ///   - isRetriedAtOnce: whether the fault is one connection's, and the order goes again on another one at once.
  /// - Returns: whether the key's breaker opened.
  mutating func learn(
    from answer: CancelAnswer, _ flight: Flight, hasOldCredential: Bool, isRetriedAtOnce: Bool, at now: Timestamp
  ) -> Bool {
    keys[flight.key.index].inFlight -= 1
    keys[flight.key.index].quotaWait.heardAnswer(at: now)
    return noteChanges(of: flight.key, because: answer, at: now) { engine in
      engine.learnOfQuota(from: answer, flight, at: now)
      engine.learnOfOutage(from: answer, flight, isRetriedAtOnce: isRetriedAtOnce, at: now)
      return !hasOldCredential && engine.learnOfCredential(from: answer, flight, at: now)
    }
  }

  private mutating func learnOfQuota(from answer: CancelAnswer, _ flight: Flight, at now: Timestamp) {
    let index = flight.key.index
    switch answer.kind {
    case .throttled:
      counts.throttled += 1
      keys[index].quota.throttled(flight.slot, rateLimit: answer.rateLimit, at: now)
    case .transient where answer.neverReachedTheServer:
      keys[index].quota.notSent(flight.slot)
    case .transient, .ambiguous:
      keys[index].quota.answered(flight.slot, rateLimit: answer.rateLimit, at: now)
      // a 503 that says when to come back is kept to as a 429 is
      if let wait = answer.rateLimit?.retryAfter { keys[index].quota.pause(for: wait, at: now) }
    case .accepted, .rejected, .credentialRefused, .failed:
      keys[index].quota.answered(flight.slot, rateLimit: answer.rateLimit, at: now)
    }
  }

  private mutating func learnOfOutage(
    from answer: CancelAnswer, _ flight: Flight, isRetriedAtOnce: Bool, at now: Timestamp
  ) {
    let index = flight.key.index
    switch answer.kind {
    case .throttled:
      keys[index].gate.answeredNeutrally(at: now)
      apiGate.answeredNeutrally(at: now)
    case .accepted, .rejected, .credentialRefused, .failed:
      keys[index].gate.succeeded()
      apiGate.succeeded()
    case .transient, .ambiguous:
      // A key that fails by itself, while others don't, says nothing of the API; but a probe is believed. Nor does a
      // fault of one connection; for its key it counts once it has come several times in a row.
      let saysNothingOfAPI = (keys[index].gate.outSince != nil || answer.isConnectionFault) && !apiGate.isProbing
      if isRetriedAtOnce && !keys[index].gate.isProbing {
        keys[index].gate.answeredNeutrally(at: now)
      } else {
        keys[index].gate.failed(key: flight.key, at: now, backoff: policy.outageProbeBackoff, random: &random)
      }
      if saysNothingOfAPI {
        apiGate.answeredNeutrally(at: now)
      } else {
        apiGate.failed(key: flight.key, at: now, backoff: policy.outageProbeBackoff, random: &random)
      }
    }
  }

  private mutating func learnOfCredential(from answer: CancelAnswer, _ flight: Flight, at now: Timestamp) -> Bool {
    let index = flight.key.index
    switch answer.kind {
    case .accepted, .rejected:
      keys[index].breaker.worked()
      return false
    case .credentialRefused:
      let opened = keys[index].breaker.refused(
        httpStatus: answer.httpStatus, isUncertain: answer.isUncertain, wasProbe: flight.isProbe, at: now,
        backoff: policy.credentialProbeBackoff, random: &random)
      if opened { counts.breakersOpened += 1 }
      return opened
    case .throttled, .transient, .ambiguous, .failed:
      if flight.isProbe {
        keys[index].breaker.probeInconclusive(at: now, backoff: policy.credentialProbeBackoff, random: &random)
      }
      return false
    }
  }

  /// When `advance(to:)` is to be called next, if nothing else happens before; `nil` for never.
  ///
  /// It may turn out that nothing was due. Timers of orders that are answered are dropped on the way.
  public mutating func nextWake() -> Timestamp? {
    var wake = Timestamp.distantFuture
    for at in [
      sweepTimers.first?.at, isStopping ? nil : switchTimers.first?.at, campaignTimers.first?.at,
      lookupTimers.first?.at,
      readTimers.first?.at,
    ] { wake = min(wake, at ?? .distantFuture) }
    while let timer = orderTimers.first, !isCurrent(timer) { orderTimers.popFirst() }
    if let timer = orderTimers.first { wake = min(wake, timer.at) }
    if let timer = keyTimers.first { wake = min(wake, timer.at) }
    if let timer = expiryTimers.first { wake = min(wake, max(timer.at, memoriesSweptAt + CancelEngine.memorySweep)) }
    if let check = waitChecks.first { wake = min(wake, max(check.at, waitsSweptAt + CancelEngine.waitSweep)) }
    if let probeAt = apiGate.nextProbe, !isStopping, !(readyKillSwitchKeys.isEmpty && readyRoutineKeys.isEmpty) {
      wake = min(wake, probeAt)
    }
    return wake == .distantFuture ? nil : wake
  }

  /// Does what has become due by `now`: answers requests at their deadlines, queues attempts again, ends memories.
  public mutating func advance(to now: Timestamp) {
    lastAdvance = now
    while let timer = orderTimers.first, timer.at <= now {
      orderTimers.popFirst()
      fire(timer, at: now)
    }
    while let timer = keyTimers.first, timer.at <= now {
      keyTimers.popFirst()
      guard keys[timer.key.index].timerAt == timer.at else { continue }
      keys[timer.key.index].timerAt = .distantFuture
      markReadyIfWaiting(timer.key)
    }
    expireMemories(at: now)
    checkWaits(at: now)
    fireSwitches(at: now)
    endSweeps(at: now)
    advanceLookups(at: now)
    advanceCampaigns(at: now)
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

  private func isCurrent(_ timer: OrderTimer) -> Bool {
    orders.contains(timer.slot) && orders[timer.slot].timerAt == timer.at
  }

  /// Looks at an order when its next deadline or attempt is due.
  mutating func renewTimer(_ slot: OrderSlot) {
    guard orders.contains(slot) else { return }
    switch orders[slot].stage {
    case .arriving, .inFlight, .suspended: break
    case .waiting, .held: setTimer(slot, at: orders[slot].rank.deadline)
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
    guard isCurrent(timer) else { return }
    orders[slot].timerAt = .distantFuture
    expireRequests(of: slot, at: now)
    guard orders.contains(slot) else { return }
    if case .backingOff(let key, let until) = orders[slot].stage, until <= now {
      if let refusal = standingRefusal(of: key, at: now) { return refuse(slot, for: refusal, at: now) }
      leaveQueue(orders[slot].stage)
      enterQueue(slot, at: now)
    }
    planWaitCheck(slot, at: now)
    renewTimer(slot)
  }
}

extension OpenOrders {
  /// Whether the entry's order waits for `key` with the very rank of the entry.
  fileprivate func isCurrent(_ entry: QueueEntry, in key: QuotaKey) -> Bool {
    guard contains(entry.slot), case .waiting(key) = self[entry.slot].stage else { return false }
    return self[entry.slot].queuedRank == entry.rank
  }
}

/// A call to send now.
public struct Call: Hashable, Sendable {
  /// The engine's count of it, to be given back with the answer.
  public var id: CallID
  /// The order to cancel.
  public var orderID: OrderID
  /// The account with whose credential.
  public var account: AccountName
  /// Its `x-request-id`.
  public var requestID: UUID
  /// The priority of the most urgent request behind it.
  public var priority: Priority
  /// When the first of its requests was produced.
  public var producedAt: Timestamp
  /// When the first of its requests was taken up.
  public var receivedAt: Timestamp
  /// Which attempt this is, from 1; a 429 is not counted.
  public var attempt: Int
  /// Whether no call for the order went before it, as far as is known.
  public var isFirst: Bool
  /// For how long the key's quota would have let it go, while something else (an outage, a refused credential, too many
  /// calls in flight) kept it waiting.
  public var lateness: Duration
  /// The first request's headers, for the trace context.
  public var headers: [RecordHeader]
}

/// A call that was sent and is not answered.
struct Flight: Sendable {
  /// The order's slot, which no longer stands where its partition was given up meanwhile.
  var order: OrderSlot
  var key: QuotaKey
  var slot: QuotaWindow.Slot
  var isProbe: Bool
  var sendIndex: Int
}
