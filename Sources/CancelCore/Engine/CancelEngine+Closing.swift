import CancelContract

/// How a request is answered without its order being settled.
struct Closing {
  var outcome: CancelOutcome
  var problem: Problem?
  /// Whether the answer is one call's, shared by every request of the order.
  var isShared = false
}

extension CancelEngine {
  /// Answers all requests of an order, of which nothing is remembered but the slots that its calls hold.
  mutating func closeUnremembered(
    _ ref: OrderRef, at now: Timestamp, _ closing: (OpenOrder, OpenRequest) -> Closing
  ) {
    guard let order = partitions[ref.partition]?.open.removeValue(forKey: ref.key) else { return }
    leaveQueue(order)
    for request in order.requests { finishOpen(request, of: order, ref, at: now, with: closing(order, request)) }
    forget(order, ref, at: now)
  }

  /// Answers those requests of an order whose deadline has passed, unless their call is on its way.
  mutating func expireRequests(of ref: OrderRef, at now: Timestamp) {
    guard var order = partitions[ref.partition]?.open[ref.key], order.deadline <= now else { return }
    if case .inFlight = order.stage { return }
    let expired = order.requests.filter { $0.deadline <= now }
    order.requests.removeAll { $0.deadline <= now }
    for request in expired {
      finishOpen(request, of: order, ref, at: now, with: CancelEngine.closingAtDeadline(order, request))
    }
    if order.requests.isEmpty {
      leaveQueue(order)
      partitions[ref.partition]?.open.removeValue(forKey: ref.key)
      forget(order, ref, at: now)
    } else {
      partitions[ref.partition]?.open[ref.key] = order
      markChanged(ref)
      if case .waiting = order.stage { raise(ref) }
    }
  }

  private static func closingAtDeadline(_ order: OpenOrder, _ request: OpenRequest) -> Closing {
    if order.outcomeUnknown {
      return Closing(
        outcome: .failed,
        problem: Problem(
          .outcomeUnknown,
          detail: "a call was sent and its answer never came; the order may or may not be cancelled. "
            + "Look the order up before relying on either. Last fault: \(order.lastFault ?? "none told")",
          status: order.lastHTTPStatus))
    }
    if order.attempts > 0 {
      return Closing(
        outcome: .failed,
        problem: Problem(
          .attemptsExhausted,
          detail: "\(order.attempts) attempts failed until the deadline. "
            + "Last fault: \(order.lastFault ?? "none told"). Send a new request when the API is well again",
          status: order.lastHTTPStatus))
    }
    let reason = order.throttled ? "the key's quota was used up" : "no call could be sent in time"
    return Closing(
      outcome: .expired,
      problem: Problem(
        .deadlinePassed, detail: "\(reason); no call was sent. Send a new request with a later deadline"))
  }

  /// Drops an order that has no open request left and no outcome to remember.
  private mutating func forget(_ order: OpenOrder, _ ref: OrderRef, at now: Timestamp) {
    openOrders -= 1
    let sends = order.earlierSends + order.sends
    if let release = OpenOrder.lastRelease(of: sends, window: window(), at: now) {
      partitions[ref.partition]?.calls[ref.key] = (sends, release)
      expiries.insert(OrderTimer(at: release, ref: ref))
      markChanged(ref)
    } else if order.inLedger {
      markChanged(ref)
    }
  }

  /// Answers one request of an order that is (or was just) open.
  private mutating func finishOpen(
    _ request: OpenRequest, of order: OpenOrder, _ ref: OrderRef, at now: Timestamp, with closing: Closing
  ) {
    openRequests -= 1
    finish(request, ref, at: now, firstSentAt: order.firstSentAt) { result in
      result.outcome = closing.outcome
      result.problem = closing.problem
      result.httpStatus = order.lastHTTPStatus
      result.attempts = order.attempts
      result.requestIDs = order.sends.map(\.requestID)
      if closing.isShared { CancelEngine.markDuplicate(&result, of: order) }
    }
  }

  /// Answers one request of an order that its call settled.
  mutating func finishOpen(
    _ request: OpenRequest, of order: OpenOrder, _ ref: OrderRef, at now: Timestamp,
    _ complete: (inout CancelResult) -> Void
  ) {
    openRequests -= 1
    finish(request, ref, at: now, firstSentAt: order.firstSentAt) { result in
      result.attempts = order.attempts
      result.requestIDs = order.sends.map(\.requestID)
      CancelEngine.markDuplicate(&result, of: order)
      complete(&result)
    }
  }

  private static func markDuplicate(_ result: inout CancelResult, of order: OpenOrder) {
    guard let first = order.requests.first, first.received.source != result.source else { return }
    result.deduplicated = true
    result.duplicateOf = first.received.request.cancelID
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
