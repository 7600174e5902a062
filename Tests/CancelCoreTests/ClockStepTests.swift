import CancelContract
import Testing

@testable import CancelCore

/// The system's clock is set while the worker runs.
@Suite struct ClockStepTests {
  private static let quarterOfAnHour = Duration.seconds(900)

  @Test func aWorkerAheadOfTimeAnswersFreshRequestsOnceItsClockIsSet() {
    var driver = EngineDriver(policy: CancelPolicy())
    let ahead = ClockStepTests.quarterOfAnHour
    driver.request(1, producedAt: driver.now - ahead)
    driver.run(until: driver.now + .seconds(1)) { _, _ in .accepted() }
    #expect(driver.results.map(\.outcome) == [.expired])
    driver.setClock(by: .zero - ahead)
    driver.request(2)
    driver.run(until: driver.now + .seconds(1)) { _, _ in .accepted() }
    #expect(driver.results.map(\.outcome) == [.expired, .accepted])
  }

  @Test func whatWaitsWhileTheClockIsSetBackIsCalledFor() throws {
    var policy = CancelPolicy()
    policy.quotaCalls = 1
    policy.reservedForKillSwitch = 0
    var driver = EngineDriver(policy: policy)
    let ahead = Duration.seconds(590)
    driver.request(1, producedAt: driver.now - ahead)
    driver.run(until: driver.now + .seconds(1)) { _, _ in .accepted() }
    driver.request(2, producedAt: driver.now - ahead)
    driver.setClock(by: .zero - ahead)
    driver.run(until: driver.now + .seconds(120)) { _, _ in .accepted() }
    #expect(driver.results.map(\.outcome) == [.accepted, .accepted])
    #expect(try #require(driver.results.last).stages.received < driver.now, "its receipt is told by the right clock")
  }

  @Test(arguments: 0..<100)
  func callsGoWhenTheyWouldHaveGoneHoweverOftenTheClockIsSet(seed: Int) {
    let set = ClockStepTests.calls(seed: UInt64(seed), setsTheClock: true)
    #expect(set.count >= 80)
    for index in set.indices.dropFirst(5) { #expect(set[index] - set[index - 5] >= .seconds(2), "seed \(seed)") }
    #expect(set == ClockStepTests.calls(seed: UInt64(seed), setsTheClock: false), "seed \(seed)")
  }

  /// Has 80 orders cancelled by an API that fails at times.
  ///
  /// - Returns: when each call went, by a clock that is left alone.
  private static func calls(seed: UInt64, setsTheClock: Bool) -> [Timestamp] {
    var random = SplitMix64(seed: seed)
    var steps = SplitMix64(seed: seed &+ 1)
    var policy = CancelPolicy()
    policy.quotaCalls = 5
    policy.quotaWindow = .seconds(2)
    policy.reservedForKillSwitch = 2
    policy.progressAfter = .seconds(1)
    var driver = EngineDriver(policy: policy, seed: seed)
    var stepped = Duration.zero
    var calls: [Timestamp] = []
    func answer(_ call: Call, _ now: Timestamp) -> CancelAnswer {
      Int.random(in: 0..<10, using: &random) == 0 ? .unavailable : .accepted()
    }
    for order in 1...80 {
      driver.request(Int64(order), Bool.random(using: &random) ? .killSwitch : .routine, deadline: .distantFuture)
      let before = driver.sent.count
      driver.run(until: driver.now + .milliseconds(Int64.random(in: 0...300, using: &random)), answer: answer)
      calls += driver.sent[before...].map { $0.at - stepped }
      guard setsTheClock, Int.random(in: 0..<6, using: &steps) == 0 else { continue }
      let step = Duration.milliseconds(Int64.random(in: -900_000...900_000, using: &steps))
      driver.setClock(by: step)
      stepped += step
    }
    let before = driver.sent.count
    driver.run(answer: answer)
    calls += driver.sent[before...].map { $0.at - stepped }
    #expect(driver.results.count == 80 && driver.results.allSatisfy { $0.outcome == .accepted })
    return calls
  }

  @Test(arguments: [900, -900, 3, -3])
  func backOffProbesAndPausesKeepTheirLength(step: Int64) throws {
    for answer in [CancelAnswer.unavailable, .refused, .throttled(retryAfter: .seconds(7))] {
      var policy = CancelPolicy()
      policy.breakerMode = .hold
      policy.progressAfter = nil
      var driver = EngineDriver(policy: policy)
      for order in 1...9 { driver.request(Int64(order), deadline: .distantFuture) }
      driver.run(until: driver.now + .milliseconds(6)) { _, _ in answer }
      var left = driver
      driver.setClock(by: .seconds(step))
      let (before, calls) = (driver.now - .seconds(step), driver.sent.count)
      driver.run(until: driver.now + .seconds(20)) { _, _ in .accepted() }
      left.run(until: before + .seconds(20)) { _, _ in .accepted() }
      #expect(driver.sent.count > calls)
      #expect(driver.sent[calls...].map { $0.at - .seconds(step) } == left.sent[calls...].map(\.at))
    }
  }

  @Test func aDeadlineOfTheSendersIsAWallTime() throws {
    var policy = CancelPolicy()
    policy.quotaCalls = 1
    policy.reservedForKillSwitch = 0
    var driver = EngineDriver(policy: policy)
    driver.request(1)
    driver.run(until: driver.now + .seconds(1)) { _, _ in .accepted() }
    driver.request(2, deadline: driver.now + .seconds(30))
    driver.run(until: driver.now + .seconds(1)) { _, _ in .accepted() }
    driver.setClock(by: .seconds(60))
    driver.commit()
    #expect(driver.results.map(\.outcome) == [.accepted, .expired])
  }

  @Test func aDeadlineThatWasCountedFromTheReceiptMovesAlong() throws {
    var policy = CancelPolicy()
    policy.quotaCalls = 1
    policy.reservedForKillSwitch = 0
    var driver = EngineDriver(policy: policy)
    driver.request(1)
    driver.run(until: driver.now + .seconds(1)) { _, _ in .accepted() }
    // No stamp: produced when it was received.
    driver.request(2)
    driver.setClock(by: ClockStepTests.quarterOfAnHour)
    let set = driver.now
    driver.run(until: driver.now + .seconds(70)) { _, _ in .accepted() }
    #expect(driver.results.map(\.outcome) == [.accepted, .accepted])
    #expect(driver.results.allSatisfy { $0.stages.answered <= driver.now })
    #expect(try #require(driver.results.last).stages.produced == set)
  }

  @Test(arguments: [900, -900])
  func whoReadsTheLedgerCountsTheCallsOfAClockThatWasWrong(step: Int64) throws {
    var driver = EngineDriver(policy: CancelPolicy())
    for order in 1...20 { driver.request(Int64(order), .killSwitch) }
    driver.run(until: driver.now + .seconds(1)) { _, _ in .accepted() }
    #expect(driver.sent.count == 20)
    driver.setClock(by: .seconds(step))
    driver.commit()
    var successor = CancelEngine(policy: CancelPolicy(), defaultAccount: "a0", seed: 2)
    successor.configure(accounts: ["a0": QuotaKey(index: 0)], at: driver.now)
    successor.assign(.first)
    for entry in driver.ledger { try successor.restore(.first, key: entry.key, value: entry.value, at: driver.now) }
    successor.restored(.first, position: 100, at: driver.now)
    let gauges = successor.gauges(at: driver.now)
    #expect(gauges.keys.first?.free == 0)
    let free = try #require(gauges.keys.first?.nextFreeAt)
    #expect(free > driver.now + .seconds(50) && free < driver.now + .seconds(60))
  }

  @Test func aRejectionIsRememberedForAMomentAlsoWhereTheClockIsSetBack() {
    var driver = EngineDriver(policy: CancelPolicy())
    driver.request(1)
    driver.run(until: driver.now + .seconds(1)) { _, _ in .rejected }
    driver.setClock(by: .zero - ClockStepTests.quarterOfAnHour)
    driver.request(1)
    driver.run(until: driver.now + .seconds(6)) { _, _ in .rejected }
    driver.request(1)
    driver.run(until: driver.now + .seconds(1)) { _, _ in .accepted() }
    #expect(driver.results.map(\.outcome) == [.rejected, .rejected, .accepted])
    #expect(driver.results.map(\.deduplicated) == [false, true, false])
  }

  @Test func anAcceptanceAnswersDuplicatesAfterTheClockWasSet() {
    for step in [900, -900] as [Int64] {
      var driver = EngineDriver(policy: CancelPolicy())
      driver.request(1)
      driver.run(until: driver.now + .seconds(1)) { _, _ in .accepted() }
      driver.setClock(by: .seconds(step))
      driver.request(1)
      driver.run(until: driver.now + .seconds(1)) { _, _ in .accepted() }
      #expect(driver.sent.count == 1 && driver.results.map(\.deduplicated) == [false, true])
    }
  }

  @Test func aSwitchIsDueAtAWallTime() throws {
    var world = SweepWorld()
    world.addOrders(1...3)
    world.send(ClockStepTests.armed(for: .seconds(60)), stampedAt: world.now - .milliseconds(1))
    world.run(until: at(1))
    world.setClock(by: .seconds(120))
    world.run(until: world.now + .seconds(10))
    let own = try #require(world.results.last { $0.orderID == nil })
    #expect(own.outcome == .accepted && own.sweep?.counts.accepted == 3)
  }

  @Test func aSwitchThatWasArmedAtItsReceiptKeepsItsLength() throws {
    var world = SweepWorld()
    world.addOrders(1...3)
    world.send(ClockStepTests.armed(for: .seconds(60)))
    world.run(until: at(1))
    world.setClock(by: .seconds(120))
    let set = world.now
    world.run(until: set + .seconds(58))
    #expect(world.calls.isEmpty)
    world.run(until: set + .seconds(70))
    let own = try #require(world.results.last { $0.orderID == nil })
    #expect(own.outcome == .accepted && own.sweep?.deadMansSwitch == .fired(due: set + .seconds(59)))
  }

  @Test(arguments: [900, -900])
  func aSweepGoesOnAtItsPace(step: Int64) {
    var policy = CancelPolicy()
    policy.quotaCalls = 3
    policy.quotaWindow = .seconds(10)
    policy.confirms = true
    let stamp = at(0) - .milliseconds(1)
    var request = SweepRequest(cancelID: "ks-1", scope: .account("a0"))
    request.deadline = .distantFuture
    var left = SweepWorld(.init(lag: .seconds(3)), policy: policy)
    left.addOrders(1...8)
    left.send(request, stampedAt: stamp)
    left.run(until: at(12))
    var set = left
    set.setClock(by: .seconds(step))
    set.run(until: at(90) + .seconds(step))
    left.run(until: at(90))
    // The calls' own durations are drawn anew after each commit, so the times are the same but for these.
    func expectSamePace(_ set: [Timestamp], _ left: [Timestamp], _ what: Comment) {
      #expect(set.count == left.count, what)
      for (time, other) in zip(set, left.map { $0 <= at(12) ? $0 : $0 + .seconds(step) }) {
        #expect(time - other < .milliseconds(500) && other - time < .milliseconds(500), what)
      }
    }
    #expect(left.results.count == 9 && left.results.last?.outcome == .accepted)
    #expect(set.results.map(\.outcome) == left.results.map(\.outcome))
    expectSamePace(set.calls.map(\.at), left.calls.map(\.at), "calls")
    expectSamePace(set.lists.map(\.at), left.lists.map(\.at), "lists")
    expectSamePace(set.lookups, left.lookups, "lookups")
    #expect(set.confirmations.count == 8)
  }

  private static func armed(for delay: Duration) -> SweepRequest {
    var request = SweepRequest(cancelID: "switch", scope: .account("a0"))
    request.start = .after(delay)
    return request
  }
}
