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
    let openedBreaker = learn(from: answer, flight, at: now)
    joinLineIfWaiting(flight.key)
    let ref = flight.ref
    guard partitions[ref.partition]?.epoch == flight.epoch,
      case .inFlight(let current)? = partitions[ref.partition]?.open[ref.key]?.stage, current == id
    else {
      counts.lateAnswers += 1
      if openedBreaker { failWaiting(of: flight.key, at: now) }
      return false
    }
    partitions[ref.partition]?.inFlight -= 1
    note(answer, of: flight, at: now)
    switch answer.kind {
    case .accepted, .rejected:
      settle(ref, answer, at: now)
    case .credentialRefused where policy.breakerMode == .failFast:
      closeUnremembered(ref, at: now) { _, _ in
        Closing(outcome: .failed, problem: answer.problem, isShared: true)
      }
    case .credentialRefused, .throttled:
      waitAgain(ref, at: now)
    case .transient, .ambiguous:
      backOff(ref, at: now)
    }
    if openedBreaker { failWaiting(of: flight.key, at: now) }
    return true
  }

  /// What an answer tells of the quota, the credential and the API.
  private mutating func learn(from answer: CancelAnswer, _ flight: Flight, at now: Timestamp) -> Bool {
    let index = flight.key.index
    keys[index].inFlight -= 1
    switch answer.kind {
    case .throttled:
      counts.throttled += 1
      keys[index].quota.throttled(flight.slot, rateLimit: answer.rateLimit, at: now)
      keys[index].gate.answeredNeutrally(at: now)
      apiGate.answeredNeutrally(at: now)
    case .transient, .ambiguous:
      if answer.kind == .transient && answer.httpStatus == nil {
        keys[index].quota.notSent(flight.slot)
      } else {
        keys[index].quota.answered(flight.slot, rateLimit: answer.rateLimit, at: now)
      }
      keys[index].gate.failed(key: flight.key, at: now, backoff: policy.outageProbeBackoff, random: &random)
      apiGate.failed(key: flight.key, at: now, backoff: policy.outageProbeBackoff, random: &random)
    case .accepted, .rejected, .credentialRefused:
      keys[index].quota.answered(flight.slot, rateLimit: answer.rateLimit, at: now)
      keys[index].gate.succeeded()
      apiGate.succeeded()
    }
    switch answer.kind {
    case .accepted, .rejected:
      _ = keys[index].breaker.worked()
    case .credentialRefused:
      let opened = keys[index].breaker.refused(
        httpStatus: answer.httpStatus, wasProbe: flight.isProbe, at: now, backoff: policy.credentialProbeBackoff,
        random: &random)
      if opened { counts.breakersOpened += 1 }
      return opened && policy.breakerMode == .failFast
    case .throttled, .transient, .ambiguous:
      if flight.isProbe {
        keys[index].breaker.probeInconclusive(at: now, backoff: policy.credentialProbeBackoff, random: &random)
      }
    }
    return false
  }

  /// Writes what an answer tells of the order itself.
  private mutating func note(_ answer: CancelAnswer, of flight: Flight, at now: Timestamp) {
    let ref = flight.ref
    guard var order = partitions[ref.partition]?.open.removeValue(forKey: ref.key) else { return }
    order.sends[flight.sendIndex].answeredAt = now
    if answer.kind == .throttled {
      order.throttled = true
      order.sends[flight.sendIndex].holdsSlot = false
    } else {
      order.attempts += 1
    }
    if answer.kind == .transient && answer.httpStatus == nil { order.sends[flight.sendIndex].holdsSlot = false }
    if answer.kind == .ambiguous { order.outcomeUnknown = true }
    order.lastHTTPStatus = answer.httpStatus ?? order.lastHTTPStatus
    if answer.kind != .throttled { order.lastFault = answer.problem?.summary ?? order.lastFault }
    partitions[ref.partition]?.open[ref.key] = order
    markChanged(ref)
  }

  private mutating func settle(_ ref: OrderRef, _ answer: CancelAnswer, at now: Timestamp) {
    guard let order = partitions[ref.partition]?.open.removeValue(forKey: ref.key), let first = order.requests.first
    else { return }
    let accepted = answer.kind == .accepted
    let settled = SettledOutcome(
      until: now + (accepted ? policy.acceptedWindow : policy.rejectedWindow),
      outcome: accepted ? .accepted : .rejected,
      cancelID: first.received.request.cancelID,
      token: answer.token,
      problem: answer.problem,
      httpStatus: answer.httpStatus,
      attempts: order.attempts,
      sends: order.sends
    )
    partitions[ref.partition]?.settled[ref.key] = RememberedOutcome(settled)
    rememberedOrders += 1
    let release = OpenOrder.lastRelease(of: order.sends, window: window(), at: now) ?? now
    expiries.insert(OrderTimer(at: max(settled.until, release), ref: ref))
    for request in order.requests {
      finishOpen(request, of: order, ref, at: now) { result in
        result.outcome = settled.outcome
        result.token = settled.token
        result.problem = settled.problem
        result.httpStatus = settled.httpStatus
      }
    }
    openOrders -= 1
    markChanged(ref)
  }

  private mutating func waitAgain(_ ref: OrderRef, at now: Timestamp) {
    guard accounts.quotaKey(of: ref.key.account) != nil else { return failRemovedAccount(ref, at: now) }
    enterQueue(ref)
    expireRequests(of: ref, at: now)
    renewTimer(ref, at: now)
  }

  private mutating func backOff(_ ref: OrderRef, at now: Timestamp) {
    guard accounts.quotaKey(of: ref.key.account) != nil else { return failRemovedAccount(ref, at: now) }
    guard let failures = partitions[ref.partition]?.open[ref.key].map({ $0.failures + 1 }) else { return }
    let until = now + policy.retryBackoff.delay(failures: failures, random: &random)
    partitions[ref.partition]?.open[ref.key]?.failures = failures
    partitions[ref.partition]?.open[ref.key]?.stage = .backingOff(until: until)
    expireRequests(of: ref, at: now)
    renewTimer(ref, at: now)
  }

  /// Answers everything that waits for a key whose breaker has just opened.
  private mutating func failWaiting(of key: QuotaKey, at now: Timestamp) {
    while let entry = firstWaiting(key) {
      guard refuseForCredential(entry.ref, key, at: now) else { return }
    }
    for (number, partition) in partitions where partition.phase == .active {
      for (orderKey, order) in partition.open {
        guard case .backingOff = order.stage, accounts.quotaKey(of: orderKey.account) == key else { continue }
        _ = refuseForCredential(OrderRef(key: orderKey, partition: number), key, at: now)
      }
    }
  }
}
