import CancelContract

extension CancelEngine {
  /// Takes one request to sweep, in the order of its partition's offsets.
  public mutating func receive(_ received: ReceivedSweep, at now: Timestamp) -> Receipt {
    let number = received.source.partition
    guard partitions[number].phase == .active else {
      preconditionFailure("A request comes only from a partition whose ledger was restored.")
    }
    let request = received.request
    guard let swept = sweptAccounts(request.scope) else { return .accountUnknown }
    counts.requests += 1
    let offset = received.source.offset
    advancePosition(number, past: offset, of: nil)
    let isKnown =
      partitions[number].annex.sweeps[offset] != nil
      || partitions[number].annex.switches[request.switchName]?.received.source.offset == offset
    // Without transactions the ledger may be ahead of the position.
    guard !isKnown else { return .attached }
    join(received.echo, of: accountName(of: request.scope), partition: number, producedAt: received.producedAt, at: now)
    switch request.start {
    case .now:
      let deadline = request.deadline ?? received.producedAt + defaultDeadline(request.priority)
      begin(
        SweepRecord(
          received: received, deadline: deadline, accounts: swept.map { accounts.name(of: $0) }, firedDue: nil),
        partition: number, at: now)
    case .after(let delay): arm(received, due: received.producedAt + delay, at: now)
    case .off: disarm(received, at: now)
    }
    return .opened
  }

  /// The configured accounts of a scope; `nil` where one that it names is not configured, or none is left.
  func sweptAccounts(_ scope: SweepRequest.Scope) -> [AccountNumber]? {
    switch scope {
    case .account(let name): return accounts.configuredNumber(of: name).map { [$0] }
    case .all(let names, let environment):
      var numbers: [AccountNumber] = []
      for name in names {
        guard let number = accounts.configuredNumber(of: name) else { return nil }
        if !numbers.contains(number) { numbers.append(number) }
      }
      if names.isEmpty { numbers = accounts.configured }
      if let environment { numbers.removeAll { accounts.environment(of: $0) != environment } }
      return numbers.isEmpty ? nil : numbers
    }
  }

  /// The account that a sweep's own result names; `nil` where there are several.
  func accountName(of scope: SweepRequest.Scope) -> AccountName? {
    guard case .account(let name) = scope, let number = accounts.configuredNumber(of: name) else { return nil }
    return accounts.name(of: number)
  }

  /// Begins a sweep that is new.
  mutating func begin(_ record: SweepRecord, firing switchName: String? = nil, partition: Int32, at now: Timestamp) {
    partitions[partition].annex.sweeps[record.offset] = record
    markChanged(.sweep(record.offset), in: partition)
    resume(record, firing: switchName, partition: partition, at: now)
    if record.received.request.isDryRun { return }
    note(.sweepBegan(cancelID: record.received.request.cancelID, record.accounts, due: record.firedDue))
  }

  /// Goes on with a sweep: what it has answered and what it has open stands in the partition already, where it is not new.
  mutating func resume(_ record: SweepRecord, firing switchName: String?, partition: Int32, at now: Timestamp) {
    var sweep = Sweep(record, partition: partition)
    sweep.firedSwitch = switchName
    for name in record.accounts { sweep.parts[accounts.number(of: name)] = Sweep.Part(stage: .listDue(now)) }
    for (key, outcome) in partitions[partition].annex.marks[record.offset] ?? [:] {
      sweep.orders[key] = Sweep.Order(outcome: outcome, isOpen: false, answeredAt: now)
    }
    // A sweep whose offset is beyond all that was restored is new: it has nothing open.
    for (key, state) in record.offset <= partitions[partition].restoredThrough ? partitions[partition].orders : [:] {
      guard case .open(let slot) = state, orders[slot].requests.contains(where: { $0.isMade(by: record) }) else {
        continue
      }
      sweep.orders[key, default: Sweep.Order()].isOpen = true
      sweep.parts[key.account]?.open += 1
    }
    let ref = sweep.ref
    // An earlier owner found orders of it and committed no further: they may be answered before it was read again.
    sweep.unpublished = unpublishedResults(of: ref)
    sweeps[ref] = sweep
    sweepTimers.insert(SweepTimer(at: record.deadline, sweep: ref, account: nil))
    for account in sweep.parts.keys.sorted(by: { $0.index < $1.index }) {
      sweepsByAccount[account, default: []].insert(ref)
      wantList(of: account, for: ref, at: now, now)
    }
  }

  /// Has an account listed for a sweep, not before `time`.
  mutating func wantList(of account: AccountNumber, for ref: SweepRef, at time: Timestamp, _ now: Timestamp) {
    sweeps[ref]?.parts[account]?.stage = .listDue(time)
    if time <= now {
      enqueueList(of: account, at: now)
    } else {
      sweepTimers.insert(SweepTimer(at: time, sweep: ref, account: account))
    }
  }

  /// A list told that this order of the account is pending.
  mutating func found(_ orderID: OrderID, of account: AccountNumber, by ref: SweepRef, at now: Timestamp) {
    let key = OrderKey(orderID: orderID.value, account: account)
    guard let sweep = sweeps[ref] else { return }
    let known = sweep.orders[key]
    if sweep.isDryRun {
      sweeps[ref]?.orders[key] = known ?? Sweep.Order()
      return
    }
    guard now < sweep.record.deadline, partitions[ref.partition].phase == .active else { return }
    if let known, known.isOpen || lastAnswer(to: key, for: ref, known) + Sweep.repeatsAfter > now { return }
    let received = sweep.record.received.request(
      for: orderID, of: accounts.name(of: account), deadline: sweep.record.deadline)
    var request = OpenRequest(received: received, deadline: sweep.record.deadline)
    request.isRepetition = known != nil
    sweeps[ref]?.orders[key, default: Sweep.Order()].isOpen = true
    sweeps[ref]?.parts[account]?.open += 1
    if !request.isRepetition {
      join(
        received.echo, of: accounts.name(of: account), partition: ref.partition, producedAt: received.producedAt,
        at: now)
    }
    _ = take(request, of: OrderRef(key: key, partition: ref.partition), at: now)
  }

  /// When an order that a sweep knows was last answered, also where it was called for by somebody else.
  private func lastAnswer(to key: OrderKey, for ref: SweepRef, _ known: Sweep.Order) -> Timestamp {
    guard case .remembered(let record)? = partitions[ref.partition].orders[key] else { return known.answeredAt }
    return record.sends.compactMap(\.answeredAt).reduce(known.answeredAt, max)
  }

  /// An order that a sweep found was answered.
  mutating func heard(_ outcome: CancelOutcome, of request: OpenRequest, _ order: OrderRef, at now: Timestamp) {
    let ref = SweepRef(partition: order.partition, offset: request.received.source.offset)
    if !request.isRepetition {
      partitions[order.partition].annex.marks[ref.offset, default: [:]][order.key] = outcome
      partitions[order.partition].annex.markChanged(.mark(sweep: ref.offset), of: order.key)
      markChanged(order)
    }
    guard sweeps[ref] != nil else { return }
    if !request.isRepetition {
      sweeps[ref]?.orders[order.key]?.outcome = outcome
      sweeps[ref]?.unpublished += 1
    }
    sweeps[ref]?.orders[order.key]?.isOpen = false
    sweeps[ref]?.orders[order.key]?.answeredAt = now
    sweeps[ref]?.parts[order.key.account]?.open -= 1
    if let part = sweeps[ref]?.parts[order.key.account], part.open == 0, part.stage == .working {
      answeredAll(of: order.key.account, for: ref, at: now)
    }
    endedSweeps.append(ref)
  }

  /// All orders that were found are answered: the account is listed again, or can't be helped.
  mutating func answeredAll(of account: AccountNumber, for ref: SweepRef, at now: Timestamp) {
    guard let key = accounts.quotaKey(of: account) else {
      return end(account, of: ref, .failed(.accountRemoved(accounts.name(of: account))))
    }
    if let refusal = standingRefusal(of: key, at: now) {
      return end(account, of: ref, .failed(.credentialRefused(accounts.name(of: account), refusal)))
    }
    wantList(of: account, for: ref, at: now + (sweeps[ref]?.parts[account]?.pause ?? .zero), now)
  }

  /// An account's share comes to its end.
  mutating func end(_ account: AccountNumber, of ref: SweepRef, _ ending: Sweep.Part.Ending) {
    sweeps[ref]?.parts[account]?.stage = .ended(ending)
    endedSweeps.append(ref)
  }

  /// Answers the sweeps that have come to their end.
  mutating func endSweeps(at now: Timestamp) {
    while let timer = sweepTimers.first, timer.at <= now {
      sweepTimers.popFirst()
      guard let sweep = sweeps[timer.sweep] else { continue }
      if let account = timer.account {
        switch sweep.parts[account]?.stage {
        case .listDue(timer.at)?: enqueueList(of: account, at: now)
        case .working? where sweep.parts[account]?.nextLook == timer.at && now < sweep.record.deadline:
          wantList(of: account, for: timer.sweep, at: now, now)
        default: break
        }
      } else {
        endedSweeps.append(timer.sweep)
      }
    }
    guard !endedSweeps.isEmpty else { return }
    let ended = Set(endedSweeps)
    endedSweeps.removeAll()
    for ref in ended.sorted() {
      guard let sweep = sweeps[ref], partitions[ref.partition].phase == .active, sweep.open == 0,
        sweep.unpublished == 0,
        sweep.firedSwitch == nil, sweep.hasEnded || sweep.record.deadline <= now
      else { continue }
      answer(sweep, at: now)
    }
  }

  private mutating func answer(_ sweep: Sweep, at now: Timestamp) {
    let (ref, record) = (sweep.ref, sweep.record)
    var report = sweep.report { accounts.name(of: $0) }
    let (outcome, problem) = ending(of: sweep, report)
    if outcome == .acknowledged { report.estimatedEnd = estimatedEnd(of: sweep, at: now) }
    let received = record.received
    let result = CancelResult(
      echo: received.echo, orderID: nil, account: accountName(of: received.request.scope), outcome: outcome,
      problem: problem,
      stages: CancelResult.Stages(produced: received.producedAt, received: received.receivedAt, answered: now),
      sweep: report)
    append(result, of: nil, received.request.priority, subject: .sweep(ref.offset))
    if !sweep.isDryRun {
      note(.sweepEnded(cancelID: received.request.cancelID, outcome, report.counts))
    }
    sweeps[ref] = nil
    for account in sweep.parts.keys {
      sweepsByAccount[account]?.remove(ref)
      if sweepsByAccount[account]?.isEmpty == true { sweepsByAccount[account] = nil }
    }
    partitions[ref.partition].annex.sweeps[ref.offset] = nil
    markChanged(.sweep(ref.offset), in: ref.partition)
    forgetMarks(of: ref)
  }

  /// Has the marks of a sweep that has ended deleted from the ledger.
  mutating func forgetMarks(of ref: SweepRef) {
    guard let marks = partitions[ref.partition].annex.marks.removeValue(forKey: ref.offset) else { return }
    for key in marks.keys.sorted() {
      partitions[ref.partition].annex.markChanged(.mark(sweep: ref.offset), of: key)
      markChanged(OrderRef(key: key, partition: ref.partition))
    }
  }

  /// When the cancels of a dry run would all have been sent.
  private mutating func estimatedEnd(of sweep: Sweep, at now: Timestamp) -> Timestamp? {
    var end = now
    for (account, part) in sweep.parts where !part.lastListed.isEmpty {
      guard let key = accounts.quotaKey(of: account), closedGate(before: key) == nil else { return nil }
      let place = keys[key.index].waiting + part.lastListed.count
      end = max(
        end, keys[key.index].quota.estimate(place: place, priority: sweep.record.received.request.priority, at: now))
    }
    return end
  }

  private func ending(of sweep: Sweep, _ report: SweepReport) -> (CancelOutcome, Problem?) {
    let endings = sweep.parts.sorted { $0.key.index < $1.key.index }
    if endings.isEmpty { return (.failed, .noAccountLeft) }
    if endings.allSatisfy({ $0.value.ending == .empty }) { return (.accepted, nil) }
    if endings.allSatisfy({ $0.value.ending == .counted }) { return (.acknowledged, nil) }
    for (_, part) in endings {
      if case .failed(let problem)? = part.ending { return (.failed, problem) }
    }
    if report.counts.remaining > 0 {
      let detail = "the deadline passed before a list of the account came back empty. \(report.left ?? "")"
      return (.expired, Problem(.ordersRemain, detail: detail))
    }
    let fault = endings.lazy.compactMap { $0.value.lastFault?.summary }.first.map { " Last fault: \($0)." } ?? ""
    return (
      .expired,
      Problem(
        .ordersNotListed,
        detail: "the deadline passed before a list that tells whether orders are left could be read.\(fault) "
          + "Send a new request with a later deadline")
    )
  }
}

extension OpenRequest {
  /// Whether this sweep made the request for an order that it found.
  func isMade(by sweep: SweepRecord) -> Bool {
    received.request.details.sweptBy != nil && received.source.offset == sweep.offset
  }
}

/// A sweep that has something to do at a time: a list of an account, or its end.
struct SweepTimer: Comparable, Sendable {
  var at: Timestamp
  var sweep: SweepRef
  /// The account to list; `nil` for the deadline.
  var account: AccountNumber?

  static func < (left: SweepTimer, right: SweepTimer) -> Bool { left.at < right.at }
}

extension SweepReport {
  /// What is left, as a sentence; `nil` where nothing is known to be left.
  fileprivate var left: String? {
    guard counts.remaining > 0 else { return nil }
    let orders = counts.remaining == 1 ? "1 order was" : "\(counts.remaining) orders were"
    return "\(orders) still pending in the last list; send a new request, or cancel by hand"
  }
}

extension Problem {
  fileprivate static let noAccountLeft = Problem(
    .accountRemoved,
    detail: "none of the accounts to sweep is configured any more: put them back, and send the request again")

  fileprivate static func accountRemoved(_ account: AccountName) -> Problem {
    Problem(
      .accountRemoved,
      detail: "the account '\(account)' was taken out of the configuration during the sweep: put it back, or send the "
        + "request with another account")
  }

  fileprivate static func credentialRefused(_ account: AccountName, _ refusal: CredentialBreaker.Refusal) -> Problem {
    Problem(
      .credentialRefused,
      detail: "the API refuses the credential of the account '\(account)': renew its key, and send the request again",
      status: refusal.httpStatus, since: refusal.since)
  }
}
