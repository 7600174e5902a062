import CancelContract

extension CancelEngine {
  /// What became of a request at its arrival.
  public enum Receipt: Equatable, Sendable {
    /// It is answered from memory.
    case answered
    /// It shares the call of an order that is open.
    case attached
    /// It opened its order, or was answered at once for want of time or of a credential that works.
    case opened
    /// Nothing was recorded, for its account is not configured; give it to `refuse(_:with:)`.
    case accountUnknown
  }

  /// Takes one request, in the order of its partition's offsets.
  public mutating func receive(_ received: ReceivedRequest, at now: Timestamp) -> Receipt {
    let request = received.request
    let number = received.source.partition
    guard partitions[number].phase == .active else {
      preconditionFailure("A request comes only from a partition whose ledger was restored.")
    }
    guard let account = accounts.configuredNumber(of: request.account) else { return .accountUnknown }
    counts.requests += 1
    moveOn(number, past: received.source.offset)
    let ref = OrderRef(key: OrderKey(orderID: request.orderID.value, account: account), partition: number)
    let deadline = request.deadline ?? received.producedAt + defaultDeadline(request.priority)
    let open = OpenRequest(received: received, deadline: deadline)
    switch partitions[number].orders[ref.key] {
    case .open(let slot):
      attach(open, to: slot, at: now)
      return .attached
    case .remembered(let record):
      if let settled = record.settled, settled.until > now {
        answer(open, of: ref, from: settled, at: now)
        return .answered
      }
      begin(open, ref, after: record, at: now)
    case nil:
      begin(open, ref, after: nil, at: now)
    }
    return .opened
  }

  /// Takes a message that can't be read as a request: its `invalid` result and its dead letter.
  public mutating func refuse(_ message: RefusedMessage, with result: CancelResult) {
    let number = result.source.partition
    guard partitions[number].phase == .active else {
      preconditionFailure("A message comes only from a partition whose ledger was restored.")
    }
    counts.requests += 1
    counts.results[result.outcome, default: 0] += 1
    moveOn(number, past: result.source.offset)
    results.append(result)
    refused.append(message)
  }

  /// Whether requests for this account (`nil`: the default) can be taken.
  public func accepts(account: AccountName?) -> Bool {
    accounts.configuredNumber(of: account) != nil
  }

  private func defaultDeadline(_ priority: Priority) -> Duration {
    priority == .killSwitch ? policy.killSwitchDeadline : policy.routineDeadline
  }

  private mutating func moveOn(_ number: Int32, past offset: Int64) {
    partitions[number].position = offset + 1
    joinCommitList(number)
  }

  private mutating func begin(
    _ request: OpenRequest, _ ref: OrderRef, after memory: RememberedRecord?, at now: Timestamp
  ) {
    if request.deadline <= now {
      return finish(request, of: nil, ref, at: now, with: .expired(nil))
    }
    if let key = accounts.quotaKey(of: ref.key.account), let refusal = standingRefusal(of: key, at: now) {
      return finish(request, of: nil, ref, at: now, with: .refused(refusal, accounts.name(of: ref.key.account), nil))
    }
    lastArrival += 1
    var order = OpenOrder(ref: ref, requests: [request], arrival: lastArrival)
    if let memory {
      // The slots of earlier calls stay in the ledger with the order.
      order.earlierSends = memory.sends.holding(window: policy.quotaWindow, at: now)
    }
    openRequests += 1
    openOrders += 1
    let slot = orders.insert(order)
    partitions[ref.partition].set(ref.key, .open(slot))
    markChanged(slot)
    enterQueue(slot)
    setTimer(slot, at: min(request.deadline, firstWaitCheck(now)))
  }

  private mutating func attach(_ request: OpenRequest, to slot: OrderSlot, at now: Timestamp) {
    let offset = request.received.source.offset
    if offset <= partitions[request.received.source.partition].restoredThrough,
      orders[slot].requests.contains(where: { $0.received.source.offset == offset })
    {
      // Without transactions the ledger may be ahead of the position: the request is open already.
      return
    }
    openRequests += 1
    orders[slot].attach(request, sizeLimit: policy.ledgerRecordSize)
    markChanged(slot)
    if request.deadline <= now { expireRequests(of: slot, at: now) }
    guard orders.contains(slot) else { return }
    requeue(slot)
    setTimer(slot, at: min(request.deadline, firstWaitCheck(now)))
  }

  private mutating func answer(
    _ request: OpenRequest, of ref: OrderRef, from settled: SettledOutcome, at now: Timestamp
  ) {
    finish(request, ref, at: now, firstSentAt: settled.sends.first?.sentAt) { result in
      result.outcome = settled.outcome
      result.token = settled.token
      result.problem = settled.problem
      result.httpStatus = settled.httpStatus
      result.attempts = settled.attempts
      result.requestIDs = settled.sends.map(\.requestID)
      result.deduplicated = true
      result.duplicateOf = settled.cancelID
    }
  }
}
