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
    let ref = OrderRef(key: OrderKey(orderID: request.orderID.value, account: account), partition: number)
    advancePosition(number, past: received.source.offset, of: ref.key)
    let deadline = request.deadline ?? received.producedAt + defaultDeadline(request.priority)
    let open = OpenRequest(received: received, deadline: deadline)
    if isOpen(open, ref) { return .attached }
    join(
      received.echo, of: request.account ?? accounts.name(of: account), partition: number,
      producedAt: received.producedAt, at: now)
    return take(open, of: ref, at: now)
  }

  /// Whether this very request is open already, as it is where the ledger is ahead of the position without transactions.
  private func isOpen(_ request: OpenRequest, _ ref: OrderRef) -> Bool {
    let offset = request.received.source.offset
    guard offset <= partitions[ref.partition].restoredThrough,
      case .open(let slot)? = partitions[ref.partition].orders[ref.key]
    else { return false }
    return orders[slot].requests.contains { $0.received.source.offset == offset }
  }

  /// Opens an order for a request, attaches it to an open one, or answers it from memory.
  ///
  /// A repetition is never answered from memory: it is there because the memory says what the API's list doesn't.
  mutating func take(_ open: OpenRequest, of ref: OrderRef, at now: Timestamp) -> Receipt {
    switch partitions[ref.partition].orders[ref.key] {
    case .open(let slot):
      attach(open, to: slot, at: now)
      return .attached
    case .remembered(let record):
      if !open.isRepetition, let settled = record.settled, settled.until > now {
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
    advancePosition(number, past: result.source.offset, of: nil)
    join(
      result.echo, of: result.account, partition: number, producedAt: result.stages.produced, at: result.stages.answered
    )
    append(result, of: nil, .routine)
    refused.append(message)
  }

  /// Whether requests for this account (`nil`: the default) can be taken.
  public func accepts(account: AccountName?) -> Bool {
    accounts.configuredNumber(of: account) != nil
  }

  func defaultDeadline(_ priority: Priority) -> Duration {
    priority == .killSwitch ? policy.killSwitchDeadline : policy.routineDeadline
  }

  mutating func advancePosition(_ number: Int32, past offset: Int64, of order: OrderKey?) {
    partitions[number].advance(past: offset, of: order)
    scheduleCommit(number)
  }

  private mutating func begin(
    _ request: OpenRequest, _ ref: OrderRef, after memory: RememberedRecord?, at now: Timestamp
  ) {
    let mayHaveEarlierCall = mayHaveEarlierCall(request)
    if request.deadline <= now {
      return finish(
        request, of: nil, ref, at: now, with: .expiredAtArrival(mayHaveEarlierCall: mayHaveEarlierCall))
    }
    if let key = accounts.quotaKey(of: ref.key.account), let refusal = standingRefusal(of: key, at: now) {
      return finish(request, of: nil, ref, at: now, with: .refused(refusal, accounts.name(of: ref.key.account), nil))
    }
    lastArrival += 1
    var order = OpenOrder(ref: ref, requests: [request], arrival: lastArrival)
    order.mayHaveEarlierCall = mayHaveEarlierCall
    if request.received.source.offset < partitions[ref.partition].logEnd,
      let key = accounts.quotaKey(of: ref.key.account)
    {
      waitAfterTakeover(of: ref.partition, key, at: now)
    }
    if let memory {
      // The slots of earlier calls stay in the ledger with the order.
      order.earlierSends = memory.sends.holding(window: policy.quotaWindow, at: now)
      if request.isRepetition { order.earlierMemory = memory }
    }
    openRequests += 1
    openOrders += 1
    let slot = orders.insert(order)
    partitions[ref.partition].set(ref.key, .open(slot))
    markChanged(slot)
    enterQueue(slot, at: now)
    setTimer(slot, at: min(request.deadline, firstWaitCheck(now)))
  }

  /// Whether a call for the request's order may have been sent since it was produced that this engine knows nothing of:
  /// an earlier worker may have read the request, or an order was given up since without its call's answer.
  private func mayHaveEarlierCall(_ request: OpenRequest) -> Bool {
    let partition = partitions[request.received.source.partition]
    return request.received.source.offset < partition.logEnd
      || request.received.producedAt <= partition.outcomeUnknownAt
  }

  private mutating func attach(_ request: OpenRequest, to slot: OrderSlot, at now: Timestamp) {
    openRequests += 1
    if mayHaveEarlierCall(request) { orders[slot].mayHaveEarlierCall = true }
    orders[slot].attach(request, sizeLimit: policy.ledgerRecordSize)
    markChanged(slot)
    if request.deadline <= now { expireRequests(of: slot, at: now) }
    guard orders.contains(slot) else { return }
    requeue(slot, at: now)
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

  /// Takes the answer to a call.
  ///
  /// - Returns: whether it settled something; `false` also for orders that are no longer this worker's.
  @discardableResult
  public mutating func answered(_ id: CallID, _ answer: CancelAnswer, at now: Timestamp) -> Bool {
    guard let flight = flights.removeValue(forKey: id) else {
      preconditionFailure("A call is answered once.")
    }
    let hasOldCredential = id.number <= keys[flight.key.index].lastCallBeforeRenewal
    let slot = flight.order
    let isRetriedAtOnce =
      answer.isConnectionFault && orders.contains(slot)
      && orders[slot].connectionFaults < OpenOrder.mostRetriesAtOnce
    let breakerOpened = learn(
      from: answer, flight, hasOldCredential: hasOldCredential, isRetriedAtOnce: isRetriedAtOnce, at: now)
    defer {
      if breakerOpened { refuseWaiting(of: flight.key, at: now) }
      markReadyIfWaiting(flight.key)
    }
    guard orders.contains(slot), case .inFlight(id) = orders[slot].stage else {
      counts.lateAnswers += 1
      return false
    }
    partitions[orders[slot].ref.partition].inFlight -= 1
    note(answer, of: flight, at: now)
    switch answer.kind {
    case .accepted, .rejected:
      settle(slot, answer, at: now)
    case .failed:
      dispose(slot, at: now, with: .failed(answer, orders[slot]))
    case .credentialRefused where isBelieved(answer, flight.key) && !hasOldCredential:
      dispose(slot, at: now, with: .refused(answer, orders[slot]))
    case .credentialRefused, .throttled:
      retry(slot, at: now, backingOff: false)
    case .transient, .ambiguous:
      retry(slot, at: now, backingOff: !isRetriedAtOnce)
    }
    return true
  }

  /// Whether a refusal of the credential is to be passed on: it is the API's own, or confirmed by a second one.
  private func isBelieved(_ answer: CancelAnswer, _ key: QuotaKey) -> Bool {
    policy.breakerMode == .failFast && (!answer.isUncertain || keys[key.index].breaker.confirmedRefusal != nil)
  }

  /// Writes what an answer tells of the order itself.
  private mutating func note(_ answer: CancelAnswer, of flight: Flight, at now: Timestamp) {
    let slot = flight.order
    orders[slot].sends[flight.sendIndex].answeredAt = max(now, orders[slot].sends[flight.sendIndex].sentAt)
    orders[slot].lastHTTPStatus = answer.httpStatus ?? orders[slot].lastHTTPStatus
    orders[slot].connectionFaults = answer.isConnectionFault ? orders[slot].connectionFaults + 1 : 0
    switch answer.kind {
    case .throttled:
      orders[slot].throttled = true
      orders[slot].sends[flight.sendIndex].holdsSlot = false
    case .transient, .ambiguous:
      orders[slot].attempts += 1
      orders[slot].lastFault = answer.problem?.summary.map { String($0.prefix(500)) } ?? orders[slot].lastFault
      if answer.neverReachedTheServer { orders[slot].sends[flight.sendIndex].holdsSlot = false }
      if answer.kind == .ambiguous { orders[slot].outcomeUnknown = true }
    case .accepted, .rejected, .credentialRefused, .failed:
      orders[slot].attempts += 1
    }
    markChanged(slot)
  }

  private mutating func settle(_ slot: OrderSlot, _ answer: CancelAnswer, at now: Timestamp) {
    let order = orders.remove(slot)
    precondition(!order.requests.isEmpty, "An open order has a request.")
    let accepted = answer.kind == .accepted
    let settled = SettledOutcome(
      until: now + (accepted ? policy.acceptedWindow : policy.rejectedWindow),
      outcome: accepted ? .accepted : .rejected,
      cancelID: order.requests[0].received.request.cancelID,
      token: answer.token,
      problem: answer.problem,
      httpStatus: answer.httpStatus,
      attempts: order.attempts,
      sends: order.sends,
      earlierSends: order.earlierSends.holding(window: policy.quotaWindow, at: now)
    )
    let memory = memory(of: order, settled, at: now)
    remember(RememberedRecord(memory), of: order.ref, until: memory.end(window: policy.quotaWindow), at: now)
    if accepted { confirmLater(order, at: now) }
    openOrders -= 1
    openRequests -= order.requests.count
    let requestIDs = order.sends.map(\.requestID)
    // A span lends its elements: an iterator would copy each with a dozen references.
    let requests = order.requests.span
    for index in requests.indices {
      finish(requests[index], order.ref, at: now, firstSentAt: order.firstSentAt) { result in
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

  /// What is remembered of an order that is settled: a repetition that is not accepted leaves the acceptance standing.
  private func memory(of order: OpenOrder, _ settled: SettledOutcome, at now: Timestamp) -> SettledOutcome {
    guard settled.outcome != .accepted, var earlier = order.earlierMemory?.settled, earlier.until > settled.until else {
      return settled
    }
    earlier.earlierSends = (order.earlierSends + order.sends).holding(window: policy.quotaWindow, at: now)
    return earlier
  }

  /// Has an order wait for another call: at once, or after a delay.
  private mutating func retry(_ slot: OrderSlot, at now: Timestamp, backingOff: Bool) {
    let ref = orders[slot].ref
    guard partitions[ref.partition].phase == .active else {
      orders[slot].stage = .suspended
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
      enterQueue(slot, at: now)
    }
    expireRequests(of: slot, at: now)
    renewTimer(slot)
  }

  /// Answers all requests of an order, of which nothing is remembered but the slots that its calls hold.
  mutating func dispose(_ slot: OrderSlot, at now: Timestamp, with disposition: Disposition) {
    leaveQueue(orders[slot].stage)
    let order = orders.remove(slot)
    for request in order.requests { finish(request, of: order, order.ref, at: now, with: disposition) }
    openRequests -= order.requests.count
    forget(order, at: now)
  }

  /// Answers those requests of an order whose deadline has passed, unless their call is on its way or the order is left
  /// to its partition's next owner.
  mutating func expireRequests(of slot: OrderSlot, at now: Timestamp) {
    guard orders[slot].rank.deadline <= now else { return }
    switch orders[slot].stage {
    case .inFlight, .suspended: return
    case .arriving, .waiting, .backingOff, .held: break
    }
    let disposition = Disposition.expired(orders[slot], waitingFor: waitCause(of: slot, at: now))
    let expired = orders[slot].removeExpired(at: now)
    openRequests -= expired.count
    for request in expired { finish(request, of: orders[slot], orders[slot].ref, at: now, with: disposition) }
    if orders[slot].requests.isEmpty {
      leaveQueue(orders[slot].stage)
      forget(orders.remove(slot), at: now)
    } else {
      markChanged(slot)
      requeue(slot, at: now)
    }
  }

  /// Drops an order that was taken out, has no open request left and no outcome to remember.
  private mutating func forget(_ order: OpenOrder, at now: Timestamp) {
    openOrders -= 1
    if order.outcomeUnknown { partitions[order.ref.partition].outcomeUnknownAt = now }
    let held = (order.earlierSends + order.sends).holding(window: policy.quotaWindow, at: now)
    if var earlier = order.earlierMemory?.settled, earlier.until > now {
      earlier.earlierSends = held
      remember(RememberedRecord(earlier), of: order.ref, until: earlier.end(window: policy.quotaWindow), at: now)
    } else if held.isEmpty {
      partitions[order.ref.partition].set(order.ref.key, nil)
    } else {
      remember(RememberedRecord(calls: held), of: order.ref, until: held.release(window: policy.quotaWindow), at: now)
    }
    markChanged(order.ref)
  }

  /// Keeps until `end` what is known of an order that is no longer open.
  private mutating func remember(
    _ record: RememberedRecord, of ref: OrderRef, until end: Timestamp, at now: Timestamp
  ) {
    partitions[ref.partition].set(ref.key, .remembered(record))
    planExpiry(ref, end: end, at: now)
  }

  /// Answers one request without its order being settled; `order` is `nil` where it opened none.
  mutating func finish(
    _ request: OpenRequest, of order: OpenOrder?, _ ref: OrderRef, at now: Timestamp, with disposition: Disposition
  ) {
    finish(request, ref, at: now, firstSentAt: order?.firstSentAt) { result in
      result.outcome = disposition.outcome
      result.problem = disposition.problem
      if let order {
        result.httpStatus = order.lastHTTPStatus
        result.attempts = order.attempts
        result.requestIDs = order.sends.map(\.requestID)
        if disposition.isShared { result.markDuplicate(in: order) }
      }
    }
  }

  /// Writes the one result of a request. Not inlined: a request of a span would be copied then, and not lent.
  @inline(never)
  mutating func finish(
    _ request: OpenRequest, _ ref: OrderRef, at now: Timestamp, firstSentAt: Timestamp?,
    _ complete: (inout CancelResult) -> Void
  ) {
    var result = CancelResult(
      echo: request.received.echo,
      orderID: request.received.request.orderID,
      account: accounts.name(of: ref.key.account),
      outcome: .failed,
      stages: CancelResult.Stages(
        produced: request.received.producedAt, received: request.received.receivedAt, firstSent: firstSentAt,
        answered: now)
    )
    complete(&result)
    let outcome = result.outcome
    if !request.isRepetition { append(result, of: ref.key, request.received.request.priority) }
    if request.received.request.details.sweptBy != nil { heard(outcome, of: request, ref, at: now) }
  }

  /// The refusal for which an order of this key is to be answered at once, without a call; `nil` where its turn may
  /// come.
  func standingRefusal(of key: QuotaKey, at now: Timestamp) -> CredentialBreaker.Refusal? {
    guard policy.breakerMode == .failFast, case .refuse(let refusal, _) = keys[key.index].breaker.verdict(at: now)
    else { return nil }
    return refusal.isConfirmed ? refusal : nil
  }

  /// Answers an order without a call, for its credential is refused.
  mutating func refuse(_ slot: OrderSlot, for refusal: CredentialBreaker.Refusal, at now: Timestamp) {
    let order = orders[slot]
    dispose(slot, at: now, with: .refused(refusal, accounts.name(of: order.ref.key.account), order))
  }

  /// Answers everything that waits for a key whose breaker has just opened.
  mutating func refuseWaiting(of key: QuotaKey, at now: Timestamp) {
    guard let refusal = standingRefusal(of: key, at: now) else { return }
    while let entry = firstWaiting(key) { refuse(entry.slot, for: refusal, at: now) }
    guard keys[key.index].backingOff > 0 else { return }
    let backingOff = orders.slots { order in
      if case .backingOff(key, _) = order.stage { true } else { false }
    }
    for slot in backingOff { refuse(slot, for: refusal, at: now) }
  }

  /// Takes `configured` as all accounts there are, each with the number of its user key.
  ///
  /// Orders of an account that is gone are answered `failed`; those of one whose key changed wait for the new key.
  /// Calls in flight are left to finish.
  ///
  /// - Parameter renewed: the keys whose credential is another one from now on: what is known of the old one's refusals
  ///   counts no more.
  public mutating func configure(
    accounts configured: [AccountName: QuotaKey], environments: [AccountName: APIEnvironment] = [:],
    renewed: Set<QuotaKey> = [], at now: Timestamp
  ) {
    let highest = configured.values.map(\.index).max() ?? -1
    while keys.count <= highest { keys.append(KeyState(policy: policy)) }
    for key in renewed.sorted(by: { $0.index < $1.index }) {
      noteChanges(of: key, because: nil, at: now) { $0.keys[key.index].breaker = CredentialBreaker() }
      keys[key.index].lastCallBeforeRenewal = lastCall
      markReadyIfWaiting(key)
    }
    accounts.configure(configured, environments: environments)
    let accounts = self.accounts
    let moved = orders.slots { order in
      switch order.stage {
      case .waiting(let key), .backingOff(let key, _), .held(let key):
        accounts.quotaKey(of: order.ref.key.account) != key
      case .arriving, .inFlight, .suspended: false
      }
    }
    for slot in moved.sorted(by: { orders[$0].rank.arrival < orders[$1].rank.arrival }) { move(slot, at: now) }
  }

  private mutating func move(_ slot: OrderSlot, at now: Timestamp) {
    guard let key = accounts.quotaKey(of: orders[slot].ref.key.account) else {
      return failRemovedAccount(slot, at: now)
    }
    leaveQueue(orders[slot].stage)
    if case .backingOff(_, let until) = orders[slot].stage {
      orders[slot].stage = .backingOff(key, until: until)
      keys[key.index].backingOff += 1
    } else {
      enterQueue(slot, at: now)
    }
    if let refusal = standingRefusal(of: key, at: now) { refuse(slot, for: refusal, at: now) }
  }

  mutating func failRemovedAccount(_ slot: OrderSlot, at now: Timestamp) {
    let order = orders[slot]
    dispose(slot, at: now, with: .accountRemoved(accounts.name(of: order.ref.key.account), order))
  }
}

extension CancelAnswer {
  /// Whether the call came to nothing before it was sent: it used nothing of the quota.
  var neverReachedTheServer: Bool { kind == .transient && httpStatus == nil }
}

extension CancelResult {
  /// Says that the request shares the call of the order's first one, unless it is that.
  mutating func markDuplicate(in order: OpenOrder) {
    guard let first = order.requests.first, first.received.source != source else { return }
    deduplicated = true
    duplicateOf = first.received.request.cancelID
  }
}
