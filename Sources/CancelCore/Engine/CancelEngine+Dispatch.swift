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
      guard let key = popLine() else { return nil }
      if let call = nextCall(of: key, at: now, requestID: requestID) { return call }
    }
    return nil
  }

  private mutating func nextCall(of key: QuotaKey, at now: Timestamp, requestID: () -> UUID) -> Call? {
    while let entry = firstWaiting(key) {
      let ref = entry.ref
      if entry.rank.deadline <= now {
        expireRequests(of: ref, at: now)
        continue
      }
      var isProbe = false
      switch keys[key.index].breaker.verdict(at: now) {
      case .pass: break
      case .probe: isProbe = true
      case .refuse(_, let until):
        if policy.breakerMode == .failFast {
          _ = refuseForCredential(ref, key, at: now)
          continue
        }
        if let until { setTimer(key, at: until) }
        return nil
      }
      guard let opensAt = keys[key.index].gate.opensAt(now) else { return nil }
      guard opensAt <= now else {
        setTimer(key, at: opensAt)
        return nil
      }
      switch keys[key.index].quota.availability(for: entry.rank.priority, at: now) {
      case .now: break
      case .at(let time):
        setTimer(key, at: time)
        return nil
      case .afterAnswer:
        return nil
      }
      return send(entry, key, isProbe: isProbe, at: now, requestID: requestID())
    }
    return nil
  }

  private mutating func send(
    _ entry: QueueEntry, _ key: QuotaKey, isProbe: Bool, at now: Timestamp, requestID: UUID
  ) -> Call {
    let ref = entry.ref
    keys[key.index].queue.popFirst()
    keys[key.index].waiting -= 1
    keys[key.index].inFlight += 1
    if isProbe { keys[key.index].breaker.probeSent() }
    keys[key.index].gate.passed()
    apiGate.passed()
    let slot = keys[key.index].quota.take(at: now)
    lastCall += 1
    let id = CallID(number: lastCall)
    guard var order = partitions[ref.partition]?.open.removeValue(forKey: ref.key),
      let first = order.requests.first, let epoch = partitions[ref.partition]?.epoch
    else { preconditionFailure("An entry that stands has an open order.") }
    order.stage = .inFlight(id)
    order.sends.append(Send(requestID: requestID, sentAt: now, holdsSlot: policy.quotaCalls > 0))
    flights[id] = Flight(
      ref: ref, epoch: epoch, key: key, slot: slot, isProbe: isProbe, sendIndex: order.sends.count - 1)
    let attempt = order.attempts + 1
    partitions[ref.partition]?.open[ref.key] = order
    partitions[ref.partition]?.inFlight += 1
    markChanged(ref)
    counts.calls += 1
    joinLineIfWaiting(key)
    return Call(
      id: id,
      orderID: first.received.request.orderID,
      account: accounts.name(of: ref.key.account),
      requestID: requestID,
      priority: entry.rank.priority,
      producedAt: first.received.producedAt,
      receivedAt: first.received.receivedAt,
      attempt: attempt,
      headers: first.received.echoedHeaders
    )
  }

  /// Answers an order `failed` without a call where its key's breaker is open, no probe is due and the policy is to fail
  /// fast.
  ///
  /// - Returns: whether it was answered.
  mutating func refuseForCredential(_ ref: OrderRef, _ key: QuotaKey, at now: Timestamp) -> Bool {
    guard policy.breakerMode == .failFast,
      case .refuse(let refusal, _) = keys[key.index].breaker.verdict(at: now)
    else { return false }
    let name = accounts.name(of: ref.key.account)
    closeUnremembered(ref, at: now) { _, _ in
      Closing(
        outcome: .failed,
        problem: Problem(
          .credentialRefused,
          detail: "the API refuses the credential of the account '\(name)'; no call was spent on this request. "
            + "Renew the account's key; one request at a time is let through to find out when it works again",
          status: refusal.httpStatus,
          since: refusal.since))
    }
    return true
  }
}
