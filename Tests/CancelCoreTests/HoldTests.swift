import CancelContract
import Testing

@testable import CancelCore

/// What operators hold back waits, and nothing else does.
@Suite struct HoldTests {
  private var policy: CancelPolicy {
    var policy = CancelPolicy()
    policy.progressAfter = .seconds(5)
    policy.routineDeadline = .seconds(60)
    return policy
  }

  private func hold(_ extent: HoldEvent.Extent, of account: AccountName? = nil) -> Holds {
    var holds = Holds()
    holds.take(HoldEvent(account: account, extent: extent, actor: "ops", at: at(0)))
    return holds
  }

  @Test func aHoldOfRoutineRequestsLetsKillSwitchesThrough() {
    var driver = EngineDriver(policy: policy, accounts: 2)
    driver.engine.hold(hold(.routine), at: driver.now)
    driver.request(1)
    driver.request(2, .killSwitch)
    driver.run(until: at(5)) { _, _ in .accepted() }
    #expect(driver.sent.map(\.call.orderID.value) == [2])
    driver.engine.hold(Holds(), at: driver.now)
    driver.run(until: at(6)) { _, _ in .accepted() }
    #expect(driver.sent.map(\.call.orderID.value) == [2, 1])
  }

  @Test func aHoldOfOneAccountLeavesOthersAlone() {
    var driver = EngineDriver(policy: policy, accounts: 2)
    driver.engine.hold(hold(.all, of: "a0"), at: driver.now)
    driver.request(1, account: 0, .killSwitch)
    driver.request(2, account: 1)
    driver.run(until: at(5)) { _, _ in .accepted() }
    #expect(driver.sent.map(\.call.orderID.value) == [2])
  }

  /// A kill-switch for an order that waits under a hold of routine requests has it called for.
  @Test func aKillSwitchForAHeldOrderHasItCalledFor() {
    var driver = EngineDriver(policy: policy, accounts: 2)
    driver.engine.hold(hold(.routine), at: driver.now)
    driver.request(1)
    driver.run(until: at(2)) { _, _ in .accepted() }
    #expect(driver.sent.isEmpty)
    driver.request(1, .killSwitch)
    driver.run(until: at(3)) { _, _ in .accepted() }
    #expect(driver.sent.count == 1)
    #expect(driver.results.map(\.outcome) == [.accepted, .accepted])
  }

  @Test func theDeadlineOfAHeldRequestRunsAndItsReasonIsSaid() throws {
    var driver = EngineDriver(policy: policy, accounts: 2)
    driver.engine.hold(hold(.all), at: driver.now)
    driver.request(1)
    driver.run { _, _ in .accepted() }
    let result = try #require(driver.results.first)
    #expect(driver.sent.isEmpty && result.outcome == .expired && result.attempts == 0)
    #expect(result.problem?.detail?.contains("an operator held the account's cancels") == true)
  }

  @Test func aHoldThatBeginsTakesWhatWaitsAndTellsIt() {
    var driver = EngineDriver(policy: policy, accounts: 2)
    driver.request(1)
    let holds = hold(.all)
    driver.engine.hold(holds, at: driver.now)
    #expect(driver.engine.takeChanges() == [.held(holds.all[0])])
    let gauges = driver.engine.gauges(at: driver.now)
    #expect(gauges.held[.routine] == 1 && gauges.waiting[.routine] == 0 && gauges.keys[0].held == 1)
    driver.run(until: at(9)) { _, _ in .accepted() }
    #expect(driver.sent.isEmpty)
    #expect(driver.engine.drainWaitNotices().map(\.reason) == [.held])
    driver.engine.hold(Holds(), at: driver.now)
    #expect(driver.engine.takeChanges() == [.released(holds.all[0])])
  }
}
