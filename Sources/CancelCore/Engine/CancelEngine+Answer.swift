import CancelContract

extension CancelEngine {
  /// Takes the answer to a call.
  ///
  /// - Returns: whether it settled something; `false` also for orders that are no longer this worker's.
  @discardableResult
  public mutating func answered(_ id: CallID, _ answer: CancelAnswer, at now: Timestamp) -> Bool {
    guard let flight = flights.removeValue(forKey: id) else {
      preconditionFailure("A call is answered once.")
    }
    let hasOldCredential = id.number <= keys[flight.key.index].lastCallBeforeRenewal
    let breakerOpened = learn(from: answer, flight, hasOldCredential: hasOldCredential, at: now)
    defer {
      if breakerOpened { refuseWaiting(of: flight.key, at: now) }
      joinLineIfWaiting(flight.key)
    }
    let slot = flight.order
    guard orders.contains(slot), case .inFlight(id) = orders[slot].stage else {
      counts.lateAnswers += 1
      return false
    }
    partitions[orders[slot].ref.partition].inFlight -= 1
    note(answer, of: flight, at: now)
    switch answer.kind {
    case .accepted, .rejected:
      settle(slot, answer, at: now)
    case .credentialRefused where policy.breakerMode == .failFast && !hasOldCredential:
      closeUnremembered(slot, at: now, with: .refused(answer, orders[slot]))
    case .credentialRefused, .throttled:
      goOn(slot, at: now, backingOff: false)
    case .transient, .ambiguous:
      goOn(slot, at: now, backingOff: true)
    }
    return true
  }

  /// Writes what an answer tells of the order itself.
  private mutating func note(_ answer: CancelAnswer, of flight: Flight, at now: Timestamp) {
    let slot = flight.order
    orders[slot].sends[flight.sendIndex].answeredAt = max(now, orders[slot].sends[flight.sendIndex].sentAt)
    orders[slot].lastHTTPStatus = answer.httpStatus ?? orders[slot].lastHTTPStatus
    switch answer.kind {
    case .throttled:
      orders[slot].throttled = true
      orders[slot].sends[flight.sendIndex].holdsSlot = false
    case .transient, .ambiguous:
      orders[slot].attempts += 1
      orders[slot].lastFault = answer.problem?.summary.map { String($0.prefix(500)) } ?? orders[slot].lastFault
      if answer.neverReachedTheServer { orders[slot].sends[flight.sendIndex].holdsSlot = false }
      if answer.kind == .ambiguous { orders[slot].outcomeUnknown = true }
    case .accepted, .rejected, .credentialRefused:
      orders[slot].attempts += 1
    }
    markChanged(slot)
  }

  private mutating func settle(_ slot: OrderSlot, _ answer: CancelAnswer, at now: Timestamp) {
    let order = orders.remove(slot)
    guard let first = order.requests.first else { preconditionFailure("An open order has a request.") }
    let accepted = answer.kind == .accepted
    let settled = SettledOutcome(
      until: now + (accepted ? policy.acceptedWindow : policy.rejectedWindow),
      outcome: accepted ? .accepted : .rejected,
      cancelID: first.received.request.cancelID,
      token: answer.token,
      problem: answer.problem,
      httpStatus: answer.httpStatus,
      attempts: order.attempts,
      sends: order.sends,
      earlierSends: order.earlierSends.holding(window: policy.quotaWindow, at: now)
    )
    remember(RememberedRecord(settled), of: order.ref, at: now)
    openOrders -= 1
    openRequests -= order.requests.count
    let requestIDs = order.sends.map(\.requestID)
    for request in order.requests {
      finish(request, order.ref, at: now, firstSentAt: order.firstSentAt) { result in
        result.outcome = settled.outcome
        result.token = settled.token
        result.problem = settled.problem
        result.httpStatus = settled.httpStatus
        result.attempts = settled.attempts
        result.requestIDs = requestIDs
        result.markDuplicate(in: order)
      }
    }
  }

  /// Has an order wait for another call: at once, or after a delay.
  private mutating func goOn(_ slot: OrderSlot, at now: Timestamp, backingOff: Bool) {
    let ref = orders[slot].ref
    guard partitions[ref.partition].phase == .active else {
      orders[slot].stage = .held
      return
    }
    guard let key = accounts.quotaKey(of: ref.key.account) else { return failRemovedAccount(slot, at: now) }
    if let refusal = standingRefusal(of: key, at: now) { return refuse(slot, for: refusal, at: now) }
    if backingOff {
      orders[slot].failures += 1
      let delay = policy.retryBackoff.delay(failures: orders[slot].failures, random: &random)
      orders[slot].stage = .backingOff(key, until: now + delay)
      keys[key.index].backingOff += 1
    } else {
      enterQueue(slot)
    }
    expireRequests(of: slot, at: now)
    renewTimer(slot)
  }
}

extension CancelAnswer {
  /// Whether the call came to nothing before it was sent: it used nothing of the quota.
  var neverReachedTheServer: Bool { kind == .transient && httpStatus == nil }
}
