import CancelContract
import Testing

@testable import CancelCore

/// What a call is late by: what kept it waiting beside its quota.
@Suite struct LatenessTests {
  private func policy(calls: Int) -> CancelPolicy {
    var policy = CancelPolicy()
    policy.quotaCalls = calls
    policy.quotaWindow = .seconds(2)
    policy.reservedForKillSwitch = 0
    policy.routineDeadline = .seconds(600)
    return policy
  }

  @Test func aBacklogThatDrainsAsItsQuotaLetsItIsNotLate() {
    var driver = EngineDriver(policy: policy(calls: 3))
    for order in 1...30 { driver.request(Int64(order)) }
    driver.run { _, _ in .accepted() }
    #expect(driver.sent.count == 30 && driver.sent.allSatisfy { $0.call.isFirst })
    #expect(driver.sent.allSatisfy { $0.call.lateness == .zero }, "\(driver.sent.map(\.call.lateness))")
  }

  @Test func aCallThatWaitsForAnotherOneInFlightIsLate() {
    var policy = policy(calls: 0)
    policy.maxInFlight = 1
    var driver = EngineDriver(policy: policy, roundTrip: .seconds(1))
    driver.request(1)
    driver.request(2)
    driver.run { _, _ in .accepted() }
    #expect(driver.sent.map(\.call.lateness) == [.zero, .seconds(1)])
  }

  /// A clock that is set makes nothing late.
  @Test func aStepOfTheClockIsNoLateness() {
    var driver = EngineDriver(policy: policy(calls: 3))
    for order in 1...9 { driver.request(Int64(order)) }
    driver.run(until: at(1)) { _, _ in .accepted() }
    driver.setClock(by: .seconds(100))
    driver.run { _, _ in .accepted() }
    #expect(driver.sent.count == 9 && driver.sent.allSatisfy { $0.call.lateness == .zero })
  }

  @Test func onlyTheFirstCallOfAnOrderIsFirst() {
    var driver = EngineDriver(policy: policy(calls: 0))
    driver.request(1)
    var answers = 0
    driver.run { _, _ in
      answers += 1
      return answers == 1 ? .make(.transient, 503) : .accepted()
    }
    #expect(driver.sent.map(\.call.isFirst) == [true, false])
  }
}
