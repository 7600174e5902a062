import CancelContract

extension CancelEngine {
  /// Answers all requests of an order, of which nothing is remembered but the slots that its calls hold.
  mutating func closeUnremembered(_ slot: OrderSlot, at now: Timestamp, with closing: Closing) {
    leaveQueue(orders[slot].stage)
    let order = orders.remove(slot)
    for request in order.requests { finish(request, of: order, order.ref, at: now, with: closing) }
    openRequests -= order.requests.count
    forget(order, at: now)
  }

  /// Answers those requests of an order whose deadline has passed, unless their call is on its way or the order is left
  /// to its partition's next owner.
  mutating func expireRequests(of slot: OrderSlot, at now: Timestamp) {
    guard orders[slot].rank.deadline <= now else { return }
    switch orders[slot].stage {
    case .inFlight, .held: return
    case .arriving, .waiting, .backingOff: break
    }
    let closing = Closing.expired(orders[slot])
    let expired = orders[slot].removeExpired(at: now)
    openRequests -= expired.count
    for request in expired { finish(request, of: orders[slot], orders[slot].ref, at: now, with: closing) }
    if orders[slot].requests.isEmpty {
      leaveQueue(orders[slot].stage)
      forget(orders.remove(slot), at: now)
    } else {
      markChanged(slot)
      requeue(slot)
    }
  }

  /// Drops an order that was taken out, has no open request left and no outcome to remember.
  private mutating func forget(_ order: OpenOrder, at now: Timestamp) {
    openOrders -= 1
    let held = (order.earlierSends + order.sends).holding(window: policy.quotaWindow, at: now)
    if held.isEmpty {
      partitions[order.ref.partition].set(order.ref.key, nil)
    } else {
      remember(RememberedRecord(calls: held), of: order.ref, at: now)
    }
    if !order.isChanged { markChanged(order.ref) }
  }

  /// Keeps the memory of an order that is no longer open.
  mutating func remember(_ record: RememberedRecord, of ref: OrderRef, at now: Timestamp) {
    partitions[ref.partition].set(ref.key, .remembered(record))
    planEnding(ref, record, at: now)
  }

  /// Answers one request without its order being settled; `order` is `nil` where it opened none.
  mutating func finish(
    _ request: OpenRequest, of order: OpenOrder?, _ ref: OrderRef, at now: Timestamp, with closing: Closing
  ) {
    finish(request, ref, at: now, firstSentAt: order?.firstSentAt) { result in
      result.outcome = closing.outcome
      result.problem = closing.problem
      if let order {
        result.httpStatus = order.lastHTTPStatus
        result.attempts = order.attempts
        result.requestIDs = order.sends.map(\.requestID)
        if closing.isShared { result.markDuplicate(in: order) }
      }
    }
  }

  /// Writes the one result of a request.
  mutating func finish(
    _ request: OpenRequest, _ ref: OrderRef, at now: Timestamp, firstSentAt: Timestamp?,
    _ complete: (inout CancelResult) -> Void
  ) {
    let received = request.received
    var result = CancelResult(
      cancelID: received.request.cancelID,
      orderID: received.request.orderID,
      account: accounts.name(of: ref.key.account),
      outcome: .failed,
      campaignID: received.request.campaignID,
      context: received.request.context,
      source: received.source,
      stages: CancelResult.Stages(
        decided: received.request.decidedAt,
        produced: received.producedAt,
        received: received.receivedAt,
        firstSent: firstSentAt,
        answered: now),
      key: received.key,
      echoedHeaders: received.echoedHeaders
    )
    complete(&result)
    counts.results[result.outcome, default: 0] += 1
    if result.deduplicated { counts.deduplicated += 1 }
    results.append(result)
  }
}

extension CancelResult {
  /// Says that the request shares the call of the order's first one, unless it is that.
  mutating func markDuplicate(in order: OpenOrder) {
    guard let first = order.requests.first, first.received.source != source else { return }
    deduplicated = true
    duplicateOf = first.received.request.cancelID
  }
}
