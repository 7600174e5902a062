import CancelContract
import Testing

@testable import CancelCore

/// What the engine does with an order, one story a test. A reader who wants to know a rule finds it here; the random
/// histories look for what nobody thought of.
@Suite struct EngineTests {
  /// An engine, its time, and what its batches wrote.
  private struct Story: CustomStringConvertible {
    var description: String { "a story" }
    var engine: CancelEngine
    var now = at(0)
    var results: [CancelResult] = []
    /// The newest record of each key, as a compacted topic keeps it.
    var ledger: [[UInt8]: [UInt8]] = [:]
    var position: Int64 = 0
    private var ids = RequestIDs()
    private var offset: Int64 = 0

    init(_ change: (inout CancelPolicy) -> Void = { _ in }) {
      var policy = CancelPolicy()
      policy.quotaCalls = 0
      change(&policy)
      engine = CancelEngine(policy: policy, defaultAccount: "a0", seed: 1)
      engine.configure(accounts: ["a0": QuotaKey(index: 0)], at: now)
      engine.assign(.first)
      engine.restored(.first, position: 0, at: now)
    }

    @discardableResult
    mutating func request(
      _ order: Int64, _ priority: Priority = .routine, deadline: Timestamp? = nil, producedAt: Timestamp? = nil
    ) -> CancelEngine.Receipt {
      defer { offset += 1 }
      return engine.receive(
        .make(
          order: order, priority: priority, deadline: deadline, offset: offset, producedAt: producedAt ?? now), at: now)
    }

    mutating func nextCall() -> Call? { engine.nextCall(at: now, requestID: { ids.next() }) }

    mutating func answerNext(_ answer: CancelAnswer = .accepted()) throws {
      let call = nextCall()
      engine.answered(try #require(call).id, answer, at: now)
    }

    mutating func pass(_ duration: Duration) {
      now = now + duration
      engine.advance(to: now)
    }

    mutating func commit(limit: Int = .max) {
      guard let batch = engine.nextBatch(limit: limit) else { return }
      results += batch.results
      for entry in batch.ledger { ledger[entry.key] = entry.value }
      position = batch.positions[0] ?? position
      engine.committed()
    }

    /// Another worker that has read the ledger.
    func successor(logEnd: Int64) throws -> Story {
      var other = Story()
      other.engine = CancelEngine(policy: engine.policy, defaultAccount: "a0", seed: 2)
      other.engine.configure(accounts: ["a0": QuotaKey(index: 0)], at: now)
      other.engine.assign(.first, logEnd: logEnd)
      for (key, value) in ledger.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
        try other.engine.restore(.first, key: key, value: value, at: now)
      }
      other.engine.restored(.first, position: position, at: now)
      (other.now, other.ledger, other.position, other.offset) = (now, ledger, position, offset)
      return other
    }
  }

  // MARK: Deduplication

  @Test func aSecondRequestSharesTheCallOfAnOpenOrder() throws {
    var story = Story()
    #expect(story.request(7) == .opened)
    #expect(story.request(7) == .attached)
    try story.answerNext()
    #expect(story.nextCall() == nil)
    story.commit()
    #expect(story.results.map(\.outcome) == [.accepted, .accepted])
    #expect(story.results.map(\.deduplicated) == [false, true])
    #expect(story.results[1].duplicateOf == story.results[0].cancelID)
  }

  @Test func aLaterRequestIsAnsweredFromMemoryUntilTheWindowEnds() throws {
    var story = Story { $0.acceptedWindow = .seconds(100) }
    story.request(7)
    try story.answerNext()
    story.pass(.seconds(99))
    #expect(story.request(7) == .answered)
    #expect(story.nextCall() == nil)
    story.pass(.seconds(2))
    #expect(story.request(7) == .opened)
    let call = story.nextCall()
    #expect(call != nil)
  }

  @Test func aRejectionIsRememberedBrieflyForTheOrderMayBeYoungerThanItsCancel() throws {
    var story = Story()
    story.request(7)
    try story.answerNext(.rejected)
    story.pass(.seconds(4))
    #expect(story.request(7) == .answered)
    story.pass(.seconds(2))
    #expect(story.request(7) == .opened)
  }

  // MARK: Priority

  @Test func aKillSwitchForAnOrderThatWaitsOvertakesWhatIsRoutine() throws {
    var story = Story { $0.maxInFlight = 1 }
    for order in 1...3 { story.request(Int64(order)) }
    let first = story.nextCall()
    story.request(3, .killSwitch)
    story.engine.answered(try #require(first).id, .accepted(), at: story.now)
    #expect(story.nextCall()?.orderID.value == 3)
  }

  // MARK: Restore

  @Test func aSuccessorAnswersFromTheLedgerAndCallsForWhatIsOpen() throws {
    var story = Story { $0.maxInFlight = 1 }
    story.request(7)
    try story.answerNext()
    story.request(8)
    story.commit()
    var successor = try story.successor(logEnd: 2)
    #expect(successor.request(7) == .answered)
    #expect(successor.nextCall()?.orderID.value == 8)
  }

  @Test func aCallThatWasInFlightWhenItsWorkerEndedMayHaveCancelledTheOrder() throws {
    var story = Story()
    story.request(7, deadline: story.now + .seconds(10))
    _ = story.nextCall()
    story.commit()
    var successor = try story.successor(logEnd: 1)
    successor.pass(.seconds(20))
    successor.commit()
    let result = try #require(successor.results.first)
    #expect(result.outcome == .failed)
    #expect(result.problem.map { "\($0)".contains("outcome-unknown") } == true)
  }

  @Test func whatWasReadForTheFirstTimeAndExpiredWasNotCancelled() throws {
    var story = Story { $0.maxInFlight = 1 }
    story.request(1)
    _ = story.nextCall()
    story.request(2, deadline: story.now + .seconds(10))
    story.pass(.seconds(20))
    story.commit()
    let result = try #require(story.results.first)
    #expect(result.outcome == .expired)
    #expect(result.problem.map { "\($0)".contains("the order was not cancelled") } == true)
  }

  @Test func notCancelledIsNotSaidWhereAnotherRequestsCallMayHaveCancelledTheOrder() throws {
    var story = Story { $0.maxInFlight = 1 }
    story.request(1, deadline: story.now + .seconds(2))
    let sent = story.nextCall()
    let call = try #require(sent)
    // Produced while that call is on its way, and read when all is over.
    let producedAt = story.now
    story.pass(.seconds(3))
    story.engine.answered(call.id, .make(.ambiguous, nil), at: story.now)
    story.pass(.seconds(1))
    story.request(1, deadline: story.now - .seconds(1), producedAt: producedAt)
    story.request(1, deadline: story.now - .seconds(1), producedAt: story.now)
    story.commit()
    #expect(story.results.map(\.outcome) == [.failed, .failed, .expired])
    #expect(story.results.dropLast().allSatisfy { "\($0.problem as Any)".contains("outcome-unknown") })
  }

  // MARK: Handover

  @Test func aPartitionThatComesBackSoonIsResumedWithoutReadingItsLedgerAgain() throws {
    var story = Story()
    story.request(7)
    try story.answerNext()
    story.commit()
    story.engine.leave([.first])
    let parked = story.engine.park(.first)
    #expect(story.engine.assignments.isEmpty)
    let again = Assignment(partition: 0, number: 2)
    story.engine.assign(again, resuming: try #require(parked))
    story.engine.restored(again, position: 1, at: story.now)
    #expect(story.request(7) == .answered)
  }

  @Test func aPartitionWithSomethingUncommittedIsNotParked() throws {
    var story = Story()
    story.request(7)
    try story.answerNext()
    story.engine.leave([.first])
    #expect(story.engine.park(.first) == nil)
  }

  // MARK: Notices

  @Test func aRequestThatWillWaitLongIsToldWhyAndWhereItStands() throws {
    var story = Story {
      $0.quotaCalls = 1
      $0.reservedForKillSwitch = 0
      $0.progressAfter = .seconds(5)
    }
    story.request(1)
    try story.answerNext()
    story.request(2)
    story.pass(.seconds(2))
    _ = story.nextCall()
    story.pass(.seconds(4))
    let notices = story.engine.drainWaitNotices()
    #expect(notices.map(\.reason) == [.quota])
    #expect(notices.first?.place == 1)
    #expect(notices.first?.received.request.orderID.value == 2)
  }

  // MARK: Batches

  @Test func aLimitedBatchHoldsThePositionBackBeforeWhatIsLeft() throws {
    var story = Story { $0.rejectedWindow = .zero }
    for order in 1...4 {
      story.request(Int64(order))
      try story.answerNext()
    }
    story.commit(limit: 2)
    #expect(story.results.count == 1)
    #expect(story.position == 1)
    while story.engine.hasSomethingToCommit { story.commit(limit: 2) }
    #expect(story.results.count == 4)
    #expect(story.position == 4)
  }

  @Test func aKillSwitchesResultThatTheLedgerKnowsAsOpenGoesFirst() throws {
    var story = Story { $0.maxInFlight = 1 }
    for order in 1...3 { story.request(Int64(order)) }
    story.request(4, .killSwitch)
    story.commit()
    for _ in 1...4 { try story.answerNext() }
    // The calls went with the kill-switch first; the results would stand in the order of their answers.
    story.commit(limit: 2)
    #expect(story.results.map { $0.orderID?.value } == [4])
  }

  @Test func aResultGoesBeforeTheStatesOfAnotherPartitionsBacklog() throws {
    var story = Story { $0.maxInFlight = 1 }
    let second = Assignment(partition: 1, number: 1)
    story.engine.assign(second)
    story.engine.restored(second, position: 0, at: story.now)
    for order in 1...20 { story.request(Int64(order)) }
    let request = ReceivedRequest.make(
      order: 100, priority: .killSwitch, partition: 1, offset: 0, producedAt: story.now)
    #expect(story.engine.receive(request, at: story.now) == .opened)
    try story.answerNext()
    story.commit(limit: 8)
    #expect(story.results.map { $0.orderID?.value } == [100])
    // What room there is beside it is used for the backlog.
    #expect(story.ledger.count == 7)
    #expect(story.position == 6)
  }

  @Test func theOldestResultsGoFirstWhetherTheLedgerKnowsTheirOrdersOrNot() throws {
    var story = Story()
    for order in 1...4 { story.request(Int64(order)) }
    story.commit()
    for _ in 1...4 { try story.answerNext() }
    for order in 5...8 {
      story.request(Int64(order))
      try story.answerNext()
    }
    for _ in 1...4 { story.commit(limit: 4) }
    #expect(story.results.map { $0.orderID?.value } == [1, 2, 3, 4, 5, 6, 7, 8])
  }

  /// The ledger knows the order's first request as open, which expires; the record that goes with its result tells of the
  /// later request too, so the position has to lie behind that one.
  @Test func aRecordThatTellsOfALaterRequestTakesThePositionBehindIt() throws {
    var story = Story { $0.maxInFlight = 1 }
    story.request(1)
    _ = story.nextCall()
    story.request(7, deadline: story.now + .seconds(1))
    story.commit()
    for order in 20...30 { story.request(Int64(order)) }
    story.request(7)
    story.pass(.seconds(2))
    story.commit(limit: 4)
    #expect(story.results.isEmpty || story.position == 14)
    while story.engine.hasSomethingToCommit { story.commit(limit: 4) }
    #expect(story.results.map { $0.orderID?.value } == [7])
    #expect(story.position == 14)
  }

  @Test func anAbortedBatchGoesAgainWithTheSameResults() throws {
    var story = Story()
    story.request(7)
    try story.answerNext()
    #expect(story.engine.nextBatch()?.results.count == 1)
    story.engine.aborted()
    story.commit()
    #expect(story.results.count == 1)
    #expect(story.position == 1)
  }
}
