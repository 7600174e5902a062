import CancelContract

extension CancelEngine {
  /// What became of a request at its arrival.
  public enum Receipt: Equatable, Sendable {
    /// It is answered from memory.
    case answered
    /// It shares the call of an order that is open.
    case attached
    /// It opened its order.
    case opened
    /// Nothing was recorded, for its account is not configured; give it to `refuse(_:with:)`.
    case accountUnknown
  }

  /// Takes one request, in the order of its partition's offsets.
  public mutating func receive(_ received: ReceivedRequest, at now: Timestamp) -> Receipt {
    let request = received.request
    let number = received.source.partition
    guard partitions[number]?.phase == .active else {
      preconditionFailure("A request comes only from a partition whose ledger was restored.")
    }
    guard let account = accounts.configuredNumber(of: request.account ?? accounts.defaultAccount) else {
      return .accountUnknown
    }
    counts.requests += 1
    moveOn(number, past: received.source.offset)
    let ref = OrderRef(key: OrderKey(orderID: request.orderID.value, account: account), partition: number)
    let deadline = request.deadline ?? received.producedAt + defaultDeadline(request.priority)
    let open = OpenRequest(received: received, deadline: deadline)

    if let remembered = partitions[number]?.settled[ref.key], remembered.until > now {
      let settled = remembered.settled
      finish(open, ref, at: now, firstSentAt: settled.sends.first?.sentAt) { result in
        result.outcome = settled.outcome
        result.token = settled.token
        result.problem = settled.problem
        result.httpStatus = settled.httpStatus
        result.attempts = settled.attempts
        result.requestIDs = settled.sends.map(\.requestID)
        result.deduplicated = true
        result.duplicateOf = settled.cancelID
      }
      return .answered
    }
    if let waiting = partitions[number]?.open[ref.key] {
      guard waiting.requestBytes + open.bytes <= OpenOrder.mostRequestBytes else {
        refuseCrowded(open, of: waiting, ref, at: now)
        return .answered
      }
      attach(open, to: ref, at: now)
      return .attached
    }
    begin(open, ref, at: now)
    return .opened
  }

  /// Takes a message that can't be read as a request: its `invalid` result and its dead letter.
  public mutating func refuse(_ message: RefusedMessage, with result: CancelResult) {
    guard partitions[result.source.partition]?.phase == .active else {
      preconditionFailure("A message comes only from a partition whose ledger was restored.")
    }
    counts.requests += 1
    counts.results[.invalid, default: 0] += 1
    moveOn(result.source.partition, past: result.source.offset)
    results.append(result)
    refused.append(message)
  }

  private func defaultDeadline(_ priority: Priority) -> Duration {
    priority == .killSwitch ? policy.killSwitchDeadline : policy.routineDeadline
  }

  private mutating func moveOn(_ number: Int32, past offset: Int64) {
    partitions[number]?.position = offset + 1
    partitions[number]?.positionChanged = true
  }

  private mutating func begin(_ request: OpenRequest, _ ref: OrderRef, at now: Timestamp) {
    lastArrival += 1
    let priority = request.received.request.priority
    var order = OpenOrder(
      requests: [request],
      requestBytes: request.bytes,
      rank: CallRank(priority: priority, deadline: request.deadline, arrival: lastArrival))
    if partitions[ref.partition]?.settled.removeValue(forKey: ref.key) != nil {
      rememberedOrders -= 1
      order.inLedger = true
    }
    if let calls = partitions[ref.partition]?.calls.removeValue(forKey: ref.key) {
      // The slots of earlier calls stay in the ledger with the order.
      order.earlierSends = calls.sends
      order.inLedger = true
    }
    openRequests += 1
    openOrders += 1
    partitions[ref.partition]?.open[ref.key] = order
    markChanged(ref)
    if request.deadline <= now { return expireRequests(of: ref, at: now) }
    if let key = accounts.quotaKey(of: ref.key.account), refuseForCredential(ref, key, at: now) { return }
    enterQueue(ref)
    setTimer(ref, at: min(request.deadline, firstProgressCheck(now)))
  }

  private mutating func refuseCrowded(
    _ request: OpenRequest, of order: OpenOrder, _ ref: OrderRef, at now: Timestamp
  ) {
    finish(request, ref, at: now, firstSentAt: order.firstSentAt) { result in
      result.outcome = .failed
      result.problem = Problem(
        .tooManyWaiting,
        detail: "\(order.requests.count) requests wait for this order already and will share its outcome: "
          + "look at theirs, or send this one again later")
    }
  }

  private mutating func attach(_ request: OpenRequest, to ref: OrderRef, at now: Timestamp) {
    openRequests += 1
    partitions[ref.partition]?.open[ref.key]?.requests.append(request)
    partitions[ref.partition]?.open[ref.key]?.requestBytes += request.bytes
    markChanged(ref)
    if request.deadline <= now { return expireRequests(of: ref, at: now) }
    guard let order = partitions[ref.partition]?.open[ref.key] else { return }
    if case .waiting = order.stage { raise(ref) }
    setTimer(ref, at: min(request.deadline, firstProgressCheck(now)))
  }

  /// The first look whether a request's wait is worth telling, well before the threshold: it may be foreseeable.
  private func firstProgressCheck(_ now: Timestamp) -> Timestamp {
    guard let progressAfter = policy.progressAfter else { return .distantFuture }
    return now + min(progressAfter, .seconds(1))
  }
}
