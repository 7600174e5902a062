import CancelContract
import Testing

@testable import CancelCore

extension World {
  func start(_ worker: Int) {
    var engine = CancelEngine(
      policy: policy, defaultAccount: "a0", seed: UInt64.random(in: 0 ... .max, using: &random))
    engine.configure(accounts: accounts, at: now)
    engine.hold(holds, at: now)
    workers[worker].engine = engine
    workers[worker].life += 1
    workers[worker].plannedWake = nil
    workers[worker].next = [:]
    workers[worker].parked = [:]
  }

  func restart(_ worker: Int) {
    guard workers[worker].engine == nil else { return }
    start(worker)
    for partition in owners.keys.sorted() { assign(partition) }
  }

  /// The process ends, at whatever it is.
  func crash(_ worker: Int) {
    guard workers[worker].engine != nil else { return }
    workers[worker].engine = nil
    workers[worker].life += 1
    if let commit = workers[worker].commit, commit.isApplied == nil, !plan.isExactlyOnce {
      kafka.applyTorn(commit.batch, using: &random)
    }
    workers[worker].commit = nil
    for (partition, owner) in owners.sorted(by: { $0.key < $1.key }) where owner.worker == worker {
      owners[partition]?.worker = nil
      oracle.gaveUp(partition)
      if chance(50) { assign(partition) }
    }
    agenda.plan(.restart(worker: worker), at: soon(0...300))
  }

  /// Has a worker do all that it can do now.
  func turn(_ worker: Int) {
    guard workers[worker].engine != nil else { return }
    let life = workers[worker].life
    if let wake = workers[worker].engine?.nextWake(), wake <= now { workers[worker].engine?.advance(to: now) }
    while let call = workers[worker].engine?.nextCall(at: now, requestID: { ids.next() }) { send(call, worker) }
    for notice in workers[worker].engine?.drainWaitNotices() ?? [] { oracle.noticed(notice, policy, at: now) }
    commit(worker)
    workers[worker].engine?.verify(at: now)
    if let wake = workers[worker].engine?.nextWake() {
      check(wake > now, "an overdue wake-up is left")
      if workers[worker].plannedWake.map({ wake < $0 || $0 <= now }) ?? true {
        workers[worker].plannedWake = wake
        agenda.plan(.turn(worker: worker, life: life), at: wake)
      }
    } else {
      workers[worker].plannedWake = nil
    }
  }

  private func send(_ call: Call, _ worker: Int) {
    guard let key = accounts[call.account], let engine = workers[worker].engine,
      let flight = engine.flights[call.id]
    else {
      fail("a call was sent for an account that is not configured")
      return
    }
    let order = engine.orders[flight.order]
    let tag = OrderTag(partition: order.ref.partition, account: call.account, order: call.orderID.value)
    check(order.requests.allSatisfy { $0.deadline > now }, "a call was sent for a request that is expired")
    oracle.sent(tag, at: now)
    let sent = SentCall(
      worker: worker, life: workers[worker].life, call: call, key: key, tag: tag, sentAt: now)
    if !isCalm && chance(server.faults / 10) {
      agenda.plan(.answer(sent, chance(50) ? .unreachable : .timedOut), at: soon(1...20))
    } else {
      agenda.plan(.arrive(sent), at: soon(1...40))
    }
  }

  func arrive(_ call: SentCall) {
    switch server.arrive(call.tag.order, call.key, at: now, using: &random) {
    case .answer(let answer): agenda.plan(.answer(call, answer), at: soon(1...60))
    case .silence: agenda.plan(.answer(call, .timedOut), at: max(now, call.sentAt + policy.callTimeout))
    }
  }

  func answered(_ call: SentCall, _ answer: CancelAnswer) {
    guard workers[call.worker].life == call.life, workers[call.worker].engine != nil else { return }
    let isTaken = workers[call.worker].engine?.answered(call.call.id, answer, at: now) ?? false
    if isTaken { oracle.answered(call.tag, answer.kind, by: call.worker, policy, at: now) }
    turn(call.worker)
  }

  /// Starts a commit, most of the time, where there is something to commit.
  private func commit(_ worker: Int) {
    guard workers[worker].commit == nil, workers[worker].engine?.hasSomethingToCommit == true else { return }
    let life = workers[worker].life
    guard chance(70) else { return agenda.plan(.turn(worker: worker, life: life), at: soon(1...30)) }
    guard let batch = workers[worker].engine?.nextBatch(limit: Int.random(in: 1...6, using: &random)) else { return }
    batches += 1
    workers[worker].commit = WorkerModel.Commit(
      batch: batch, number: batches,
      tags: oracle.moveUncommitted(of: worker, in: tags(of: batch, worker)))
    let decided = soon(0...30)
    agenda.plan(.decide(worker: worker, life: life, batch: batches), at: decided)
    agenda.plan(.tell(worker: worker, life: life, batch: batches), at: decided + (soon(0...20) - now))
  }

  /// The orders whose records a batch writes.
  private func tags(of batch: CommitBatch, _ worker: Int) -> Set<OrderTag> {
    guard let accounts = workers[worker].engine?.accounts else { return [] }
    return Set(
      batch.parts.flatMap { part in
        part.changed.map {
          OrderTag(
            partition: part.assignment.partition, account: accounts.name(of: $0.account), order: $0.orderID)
        }
      })
  }

  /// Kafka commits a batch, or aborts it.
  func decide(_ worker: Int, _ life: Int, _ number: Int) {
    guard workers[worker].life == life, let commit = workers[worker].commit, commit.number == number else { return }
    let isApplied = !commit.isFenced && (isCalm || chance(85))
    workers[worker].commit?.isApplied = isApplied
    if isApplied {
      kafka.apply(commit.batch)
      oracle.committed(commit.tags)
      verifyPositions()
    } else if !plan.isExactlyOnce && !commit.isFenced {
      kafka.applyTorn(commit.batch, using: &random)
    }
  }

  /// The worker hears how its batch was decided.
  func tell(_ worker: Int, _ life: Int, _ number: Int) {
    guard workers[worker].life == life, let commit = workers[worker].commit, commit.number == number else { return }
    workers[worker].commit = nil
    if commit.isApplied == true {
      workers[worker].engine?.committed()
    } else {
      workers[worker].engine?.aborted()
      oracle.aborted(commit.tags, of: worker)
    }
    if chance(15) { verifyRestore(worker) }
    turn(worker)
  }
}
