import CancelContract
import CancelCore
import FoundationEssentials
import Kafka

/// The worker's whole loop as a value: an event and the time go in, the state decides, effects come out.
///
/// A request's way: `messages` → `CancelEngine.receive` → `.send` → `answered` → `CancelEngine.answered` → `.commit` →
/// `committed`. A partition's way: `assigned` → `.restore` → `ledgerRecords` → `ledgerRead` → `.resume` → `revoked` →
/// `Handover` → `.released`.
///
/// The shell (`WorkerShell`) performs the effects in their order and nothing else; a test or a simulation performs them
/// in its own way. Nothing here blocks, locks, or reads a clock.
package struct Worker: Sendable {
  package struct Settings: Sendable {
    package var policy = CancelPolicy()
    package var defaultAccount: AccountName = "default"
    /// Open requests beyond which no more are read.
    package var maxPending = 100_000
    /// How long calls in flight are waited for in a stop; also the bound of each step of giving partitions up.
    package var drainTimeout = Duration.seconds(10)
    package var commits = CommitSchedule.Settings()

    package init() {}
  }

  /// How long after the drain of a stop its last commit is waited for.
  package static let publishTimeout = Duration.seconds(2)

  /// Where a partition's requests stand when it is assigned.
  package struct Start: Sendable {
    /// The group's committed offset; `nil` where there is none yet.
    package var position: Int64?
    /// The log's end; `nil` where it could not be told: an earlier worker may then have read any request.
    package var logEnd: Int64?

    package init(position: Int64?, logEnd: Int64?) {
      self.position = position
      self.logEnd = logEnd
    }
  }

  /// What happens to a worker.
  package enum Event: Sendable {
    /// The group gave these partitions to this worker, instead of those that it had.
    case assigned([Int32: Start], number: UInt64)
    /// Records of a partition's ledger, in the order of their offsets.
    case ledgerRecords([KafkaMessage], Assignment)
    /// A partition's ledger was read to its end.
    case ledgerRead(Assignment)
    /// Reading a partition's ledger failed.
    case ledgerFailed(Assignment, KafkaError)
    /// Requests, in order within each partition; `credit` is to be given back to the consumer.
    case messages([IncomingMessage], number: UInt64, credit: Int)
    /// A call came to its end.
    case answered(Call, CancelAnswer)
    /// A list that is being read told these orders.
    case listed(ListID, some: [OrderID])
    /// A list came to its end.
    case listRead(ListID, OrderListAnswer)
    /// A lookup came to its end.
    case lookedUp(LookupID, OrderLookupAnswer)
    /// The batch under way was published.
    case committed
    /// The batch under way was not published.
    case commitFailed(CommitFailure, any Error)
    /// The partitions of this assignment are asked back; `released` is awaited.
    case revoked(number: UInt64)
    /// The group was asked whether the positions are still this member's to set: the ends of the partitions' ledgers
    /// where they are, `nil` where they are not or it did not answer.
    case confirmed([Int32: Int64]?, number: UInt64)
    /// The partitions of this assignment belong to somebody else already.
    case lost(number: UInt64)
    /// The time that `.wake` asked for has come, or `.turnSoon` was heard.
    case timer
    /// These accounts are configured from now on, each with the number of its user key and its environment.
    case accounts([AccountName: QuotaKey], environments: [AccountName: APIEnvironment], renewed: Set<QuotaKey>)
    /// Operators hold these cancels back from now on.
    case holds(Holds)
    /// The system's clock was set: the time of this event and of all that follow is by the clock as it is now.
    case clockStepped(by: Duration)
    /// The worker is to end in order.
    case stop
    /// The consumer failed for good.
    case failed(any Error)
  }

  /// What the shell has to do.
  package enum Effect: Sendable {
    /// Read the ledger of the assignment's partition from this offset on, not before `notBefore`.
    case restore(Assignment, from: Int64, notBefore: Timestamp)
    /// Let requests of these partitions come.
    case resume([Int32], number: UInt64)
    /// Give credit back to the consumer.
    case acknowledge(Int)
    /// Send this call; its end is `answered`.
    case send(Call)
    /// Read an account's pending orders; what it tells is `listed`, its end `listRead`.
    case list(ListCall)
    /// Look an order up; its end is `lookedUp`.
    case lookUp(LookupCall)
    /// Publish this batch under the assignment with this number.
    case commit(CommitBatch, number: UInt64)
    /// Ask for the ends of these partitions' ledgers, then have the group take these positions once more.
    case confirm(positions: [Int32: Int64], number: UInt64)
    /// The group may go on: the partitions of this assignment are given up.
    case released(number: UInt64)
    /// Publish these notices, at best effort.
    case notify([WaitNotice])
    /// Tell `timer` at this time; an earlier wish is replaced.
    case wake(at: Timestamp)
    /// Tell `timer` when what else has come is handed out: answers that come together cost one turn.
    case turnSoon
    /// Tell the observers.
    case report(WorkerReport)
    /// Tell the observers what changed of what holds calls back.
    case changed([EngineChange])
    /// The stop has come to its end.
    case stopped(Handover.Ending)
    /// The worker can't go on.
    case fail(any Error)
  }

  /// What was open when partitions were lost.
  struct LostBacklog: Sendable {
    var gauges: EngineGauges
    var openOrders: Int
    var at: Timestamp
  }

  /// A ledger that is being read.
  private struct Restore: Sendable {
    var assignment: Assignment
    var start: Start
    var startedAt: Timestamp
    /// The first record that was not read yet.
    var next: Int64
    var records = 0
    var failures = 0
  }

  package let settings: Settings
  package private(set) var engine: CancelEngine
  package private(set) var failure: (any Error)?
  private(set) var isStopping = false
  private let requestID: @Sendable () -> UUID
  private var schedule: CommitSchedule
  /// The group's assignment that all owned partitions are part of; `nil` while there is none.
  private var number: UInt64?
  private var restores: [Int32: Restore] = [:]
  /// Whether the group ever gave this worker partitions.
  private(set) var hadPartitions = false
  /// What was open when the partitions were lost; `nil` once they, or others, are here and restored.
  private(set) var lostBacklog: LostBacklog?
  private var parked = ParkedPartitions()
  private var revocation: Handover?
  private var stopping: Handover?
  private var credit = 0
  private var plannedWake = Timestamp.distantFuture
  private var effects: [Effect] = []

  /// - Parameters:
  ///   - seed: where the jitter of delays starts.
  ///   - requestID: a fresh `x-request-id` at each call.
  package init(
    _ settings: Settings, accounts: [AccountName: QuotaKey], environments: [AccountName: APIEnvironment] = [:],
    seed: UInt64, requestID: @escaping @Sendable () -> UUID, at now: Timestamp
  ) {
    self.settings = settings
    self.requestID = requestID
    schedule = CommitSchedule(settings.commits)
    engine = CancelEngine(policy: settings.policy, defaultAccount: settings.defaultAccount, seed: seed)
    engine.configure(accounts: accounts, environments: environments, at: now)
  }

  /// Takes an event in.
  ///
  /// - Parameter effects: what is to be done is put at its end.
  package mutating func handle(_ event: consuming Event, at now: Timestamp, into effects: inout [Effect]) {
    swap(&self.effects, &effects)
    defer { swap(&self.effects, &effects) }
    switch consume event {
    case .answered(let call, let answer):
      let sentAt = engine.sentAt(call.id)
      engine.answered(call.id, answer, at: now)
      self.effects.append(.report(.answered(call, answer, after: now - sentAt)))
      self.effects.append(.turnSoon)
      return
    case .listed(let id, let orders): engine.listed(id, some: orders, at: now)
    case .listRead(let id, let answer): engine.listed(id, answer, at: now)
    case .lookedUp(let id, let answer): engine.lookedUp(id, answer, at: now)
    case .ledgerRecords(let records, let assignment): return restore(records, assignment, at: now)
    case .messages(let messages, let number, let credit): receive(messages, number, credit, at: now)
    case .assigned(let starts, let number): assigned(starts, number, at: now)
    case .ledgerRead(let assignment): restored(assignment, at: now)
    case .ledgerFailed(let assignment, let error): restoreFailed(assignment, error, at: now)
    case .committed: committed(at: now)
    case .commitFailed(let failure, let error): commitFailed(failure, error, at: now)
    case .revoked(let number): revoked(number, at: now)
    case .confirmed(let ledgerEnds, let number): confirmed(ledgerEnds, number, at: now)
    case .lost(let number): lost(number, at: now)
    case .timer: plannedWake = .distantFuture
    case .accounts(let keys, let environments, let renewed):
      engine.configure(accounts: keys, environments: environments, renewed: renewed, at: now)
    case .holds(let holds): engine.hold(holds, at: now)
    case .clockStepped(let step): clockStepped(by: step, at: now)
    case .stop: stop(at: now)
    case .failed(let error): fail(error)
    }
    turn(at: now)
  }

  private mutating func clockStepped(by step: Duration, at now: Timestamp) {
    engine.clockStepped(by: step, at: now)
    schedule.clockStepped(by: step)
    parked.clockStepped(by: step, window: settings.policy.quotaWindow, at: now)
    revocation?.clockStepped(by: step)
    stopping?.clockStepped(by: step)
    for partition in restores.keys { restores[partition]?.startedAt.clockStepped(by: step) }
    lostBacklog?.at.clockStepped(by: step)
    // What was planned for a wall time is due at another moment now.
    plannedWake = .distantFuture
    effects.append(.report(.clockStepped(by: step)))
  }

  /// Whether ledger records or messages of this assignment are still of use.
  package func isCurrent(_ number: UInt64) -> Bool { number == self.number && failure == nil }

  /// Whether a request of this partition and assignment would be received now.
  package func receives(_ partition: Int32, number: UInt64) -> Bool {
    !isStopping && failure == nil && engine.isActive(Assignment(partition: partition, number: number))
  }

  // MARK: Requests and calls

  private mutating func receive(
    _ messages: [IncomingMessage], _ number: UInt64, _ credit: Int, at now: Timestamp
  ) {
    self.credit += credit
    for message in messages where receives(message.partition, number: number) {
      switch message {
      case .request(let request, let raw):
        let receipt = engine.receive(request, at: now)
        effects.append(.report(.received(request, receipt)))
        if receipt == .accountUnknown {
          let unreadable = UnreadableRequest(unknownAccountOf: request, default: settings.defaultAccount)
          engine.refuse(RefusedMessage(raw, problem: unreadable.problem), with: unreadable.result(answeredAt: now))
        }
      case .sweep(let sweep, let raw):
        let receipt = engine.receive(sweep, at: now)
        effects.append(.report(.receivedSweep(sweep, receipt)))
        if receipt == .accountUnknown {
          let unreadable = UnreadableRequest(unknownAccountOf: sweep)
          engine.refuse(RefusedMessage(raw, problem: unreadable.problem), with: unreadable.result(answeredAt: now))
        }
      case .unreadable(let unreadable, let raw):
        engine.refuse(RefusedMessage(raw, problem: unreadable.problem), with: unreadable.result(answeredAt: now))
      }
    }
  }

  /// Does all that can be done now.
  private mutating func turn(at now: Timestamp) {
    engine.advance(to: now)
    parked.expire(at: now)
    while let call = engine.nextCall(at: now, requestID: requestID) {
      effects.append(.report(.sent(call)))
      effects.append(.send(call))
    }
    while let list = engine.nextList(at: now, requestID: requestID) { effects.append(.list(list)) }
    while let lookup = engine.nextLookup(at: now, requestID: requestID) { effects.append(.lookUp(lookup)) }
    let notices = engine.drainWaitNotices()
    if !notices.isEmpty { effects.append(.notify(notices)) }
    let changes = engine.takeChanges()
    if !changes.isEmpty { effects.append(.changed(changes)) }
    advanceHandovers(at: now)
    let commitWake = commitIfDue(at: now)
    if credit > 0, engine.openRequests < settings.maxPending {
      effects.append(.acknowledge(credit))
      credit = 0
    }
    let handoverWake = min(revocation?.deadline ?? .distantFuture, stopping?.deadline ?? .distantFuture)
    let wake = min(engine.nextWake() ?? .distantFuture, commitWake, handoverWake, parked.nextExpiry)
    if wake < plannedWake {
      plannedWake = wake
      effects.append(.wake(at: wake))
    }
  }

  // MARK: Commits

  /// Starts a commit, where one is due.
  ///
  /// - Returns: when to ask again, if nothing changes before.
  private mutating func commitIfDue(at now: Timestamp) -> Timestamp {
    guard failure == nil, let number else { return .distantFuture }
    let gathered = CommitSchedule.Gathered(
      hasSomething: engine.hasSomethingToCommit, results: engine.uncommittedResults,
      isUrgent: revocation != nil || stopping != nil || !restores.isEmpty)
    switch schedule.next(gathered, at: now) {
    case .nothing: return .distantFuture
    case .wait(let until): return until
    case .commit(let limit):
      guard let batch = engine.nextBatch(limit: limit) else { return .distantFuture }
      precondition(batch.assignments.allSatisfy { $0.number == number }, "All that is owned has one assignment.")
      schedule.started(size: batch.results.count + batch.ledger.count, at: now)
      effects.append(.commit(batch, number: number))
      return .distantFuture
    }
  }

  private mutating func committed(at now: Timestamp) {
    let batch = engine.committed()
    let duration = schedule.committed(results: batch.results.count, at: now)
    effects.append(.report(.committed(records: batch.results.count + batch.ledger.count, after: duration)))
    if !batch.campaigns.isEmpty { effects.append(.report(.campaigns(batch.campaigns))) }
    if !batch.confirmations.isEmpty { effects.append(.report(.confirmed(batch.confirmations))) }
    effects.append(.report(.published(batch.results, refused: batch.refused)))
  }

  private mutating func commitFailed(_ reason: CommitFailure, _ error: any Error, at now: Timestamp) {
    engine.aborted()
    effects.append(.report(.aborted(error)))
    if schedule.failed(reason, at: now) == .end { fail(error) }
  }

  // MARK: Partitions

  private mutating func assigned(_ starts: [Int32: Start], _ number: UInt64, at now: Timestamp) {
    // An assignment replaces the one before. Where giving that up overran its time, its partitions are still here: what
    // is answered for them from now on must not be committed under this assignment.
    giveUp(lost: true, at: now)
    guard failure == nil, !isStopping else { return }
    self.number = number
    hadPartitions = true
    effects.append(.report(.assigned(starts.keys.sorted())))
    for (partition, start) in starts.sorted(by: { $0.key < $1.key }) {
      let assignment = Assignment(partition: partition, number: number)
      var restore = Restore(assignment: assignment, start: start, startedAt: now, next: 0)
      if let parked = parked.take(partition, at: now) {
        engine.assign(assignment, resuming: parked.partition, logEnd: start.logEnd ?? .max)
        restore.next = parked.ledgerEnd
      } else {
        engine.assign(assignment, logEnd: start.logEnd ?? .max)
      }
      restores[partition] = restore
      effects.append(.restore(assignment, from: restore.next, notBefore: now))
    }
  }

  private mutating func restore(_ records: [KafkaMessage], _ assignment: Assignment, at now: Timestamp) {
    guard failure == nil, restores[assignment.partition]?.assignment == assignment else { return }
    for record in records {
      do {
        try engine.restore(assignment, key: record.key ?? [], value: record.value, at: now)
      } catch {
        return fail(LedgerUnreadable(partition: assignment.partition, offset: record.offset, cause: error))
      }
    }
    restores[assignment.partition]?.records += records.count
    restores[assignment.partition]?.failures = 0
    if let last = records.last { restores[assignment.partition]?.next = last.offset + 1 }
  }

  private mutating func restored(_ assignment: Assignment, at now: Timestamp) {
    guard failure == nil, let restore = restores[assignment.partition], restore.assignment == assignment else { return }
    restores[assignment.partition] = nil
    if restores.isEmpty { lostBacklog = nil }
    // Where the group has no position yet, reading starts at the beginning, whatever the offset of that is.
    engine.restored(assignment, position: restore.start.position ?? 0, at: now)
    effects.append(
      .report(.restored([assignment.partition], records: restore.records, after: now - restore.startedAt)))
    effects.append(.resume([assignment.partition], number: assignment.number))
  }

  /// A ledger that can't be read now is read again, from where its reading stood, while the others go on.
  private mutating func restoreFailed(_ assignment: Assignment, _ error: KafkaError, at now: Timestamp) {
    guard failure == nil, var restore = restores[assignment.partition], restore.assignment == assignment else { return }
    if error.code == .offsetOutOfRange, restore.next > 0 {
      // The ledger is not the one that the parked state was written to: it is read from its beginning.
      engine.drop([assignment])
      engine.assign(assignment, logEnd: restore.start.logEnd ?? .max)
      restore.next = 0
    } else if !error.mayPass {
      return fail(error)
    }
    restore.failures += 1
    restores[assignment.partition] = restore
    let delay = Duration.milliseconds(min(10_000, 100 << min(restore.failures - 1, 7)))
    effects.append(.restore(assignment, from: restore.next, notBefore: now + delay))
  }

  private mutating func revoked(_ number: UInt64, at now: Timestamp) {
    guard number == self.number else { return effects.append(.released(number: number)) }
    // A stop that has come to its end waited for all that there was to wait for.
    guard !(isStopping && stopping == nil) else { return giveUp(lost: false, at: now) }
    // What is not restored yet has nothing to hand over.
    restores = [:]
    let assignments = engine.assignments
    engine.leave(assignments)
    revocation = Handover(of: assignments, stepTimeout: settings.drainTimeout, confirms: !isStopping, at: now)
  }

  /// The group takes the positions after the ends were told, so this worker was the owner then: whatever lies before the
  /// ends of the ledgers, it wrote itself or has read.
  private mutating func confirmed(_ ledgerEnds: [Int32: Int64]?, _ number: UInt64, at now: Timestamp) {
    guard number == self.number, case .confirming? = revocation?.stage else { return }
    for assignment in engine.assignments {
      if let end = ledgerEnds?[assignment.partition], let settled = engine.park(assignment) {
        parked.keep(settled, ledgerEnd: end, at: now)
        effects.append(.report(.gaveUp([assignment.partition], lost: false)))
      }
    }
    giveUp(lost: false, at: now)
  }

  private mutating func lost(_ number: UInt64, at now: Timestamp) {
    guard number == self.number else { return }
    // What is open is not known from then on: the last figures stay until it is.
    lostBacklog = lostBacklog ?? LostBacklog(gauges: engine.gauges(at: now), openOrders: engine.openOrders, at: now)
    giveUp(lost: true, at: now)
  }

  private mutating func giveUp(lost: Bool, at now: Timestamp) {
    let left = engine.assignments
    engine.drop(left)
    restores = [:]
    revocation = nil
    if !left.isEmpty { effects.append(.report(.gaveUp(left.map(\.partition), lost: lost))) }
    if let number { effects.append(.released(number: number)) }
    number = nil
  }

  // MARK: The end

  private mutating func stop(at now: Timestamp) {
    guard !isStopping else { return }
    isStopping = true
    engine.stop()
    stopping = Handover(
      of: [], stepTimeout: settings.drainTimeout, confirms: false, total: settings.drainTimeout + Worker.publishTimeout,
      at: now)
  }

  private mutating func fail(_ error: any Error) {
    guard failure == nil else { return }
    failure = error
    engine.stop()
    effects.append(.fail(error))
  }

  private mutating func advanceHandovers(at now: Timestamp) {
    let isCommitted = !engine.hasSomethingToCommit && !schedule.isUnderWay
    if var handover = revocation {
      let inFlight = engine.callsInFlight(in: handover.assignments)
      let action = handover.advance(callsInFlight: inFlight, isCommitted: isCommitted, at: now)
      revocation = handover
      switch action {
      case .wait: if failure != nil { giveUp(lost: false, at: now) }
      case .confirm:
        if let number {
          effects.append(.confirm(positions: engine.positions(of: handover.assignments), number: number))
        }
      case .end: giveUp(lost: false, at: now)
      }
    }
    if var handover = stopping {
      let action = handover.advance(callsInFlight: engine.callsInFlight, isCommitted: isCommitted, at: now)
      stopping = handover
      if case .end(let ending) = action {
        stopped(ending)
      } else if failure != nil {
        stopped(Handover.Ending(isDrained: engine.callsInFlight == 0, isCommitted: false))
      }
    }
  }

  private mutating func stopped(_ ending: Handover.Ending) {
    stopping = nil
    var ending = ending
    ending.openRequests = engine.openRequests
    ending.unpublishedResults = engine.unpublishedResults
    effects.append(.stopped(ending))
  }
}
