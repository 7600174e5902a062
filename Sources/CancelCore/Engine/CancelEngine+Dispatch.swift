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
      guard let (key, first) = popLine() else { return nil }
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
        joinLine(key, next.rank.priority)
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
      if policy.breakerMode == .failFast {
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
    case .at(let time): setTimer(key, at: time)
    case .afterAnswer: break
    }
    return nil
  }

  private mutating func send(
    _ entry: QueueEntry, _ key: QuotaKey, isProbe: Bool, at now: Timestamp, requestID: UUID
  ) -> Call {
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
    joinLineIfWaiting(key)
    return call(id, of: orders[slot], requestID: requestID)
  }

  private func call(_ id: CallID, of order: OpenOrder, requestID: UUID) -> Call {
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
      headers: first.echoedHeaders
    )
  }
}
