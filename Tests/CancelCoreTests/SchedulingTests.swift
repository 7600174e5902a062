import CancelContract
import Testing

@testable import CancelCore

/// What is sent when: priority, reserve, deadlines and drain, against brute force.
@Suite struct SchedulingTests {
  private static func policy(calls: Int, reserve: Int) -> CancelPolicy {
    var policy = CancelPolicy()
    policy.quotaCalls = calls
    policy.quotaWindow = .seconds(2)
    policy.reservedForKillSwitch = reserve
    policy.maxInFlight = 1000
    policy.routineDeadline = .seconds(3600)
    policy.progressAfter = nil
    return policy
  }

  @Test(arguments: 0..<200)
  func aCallIsAlwaysTheFirstInRankOfThoseThatWait(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let reserve = Int.random(in: 0...5, using: &random)
    var driver = EngineDriver(policy: SchedulingTests.policy(calls: 8, reserve: reserve), seed: seed)
    var arrivals: [Int64: (at: Timestamp, priority: Priority, deadline: Timestamp)] = [:]
    for order in 1...120 {
      let priority: Priority = Int.random(in: 0..<4, using: &random) == 0 ? .killSwitch : .routine
      let deadline = driver.now + .seconds(Int64.random(in: 600...1200, using: &random))
      arrivals[Int64(order)] = (driver.now, priority, deadline)
      driver.request(Int64(order), priority, deadline: deadline)
      guard Bool.random(using: &random) else { continue }
      let pause = Duration.milliseconds(Int64.random(in: 0...300, using: &random))
      driver.run(until: driver.now + pause) { _, _ in .accepted() }
    }
    driver.run { _, _ in .accepted() }
    #expect(driver.sent.count == 120)

    var sent: Set<Int64> = []
    for (index, call) in driver.sent.enumerated() {
      let order = call.call.orderID.value
      guard let own = arrivals[order] else {
        Issue.record("order \(order) was never asked for")
        continue
      }
      let overtaken = arrivals.filter { other, arrival in
        guard other != order, !sent.contains(other), arrival.at < call.at else { return false }
        if arrival.priority != own.priority { return arrival.priority == .killSwitch }
        return arrival.deadline < own.deadline
      }
      #expect(overtaken.isEmpty, "seed \(seed): order \(order) overtook \(overtaken.keys)")
      sent.insert(order)
      // No window holds more calls than are allowed, and routine calls leave the reserve.
      let window = driver.sent[..<index].filter { $0.at + .seconds(2) > call.at }
      #expect(window.count < 8, "seed \(seed)")
      if own.priority == .routine { #expect(window.count < 8 - reserve, "seed \(seed)") }
    }
  }

  @Test(arguments: 0..<50)
  func aBacklogDrainsAsFastAsTheWindowAllows(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let calls = Int.random(in: 1...20, using: &random)
    let orders = Int.random(in: 1...200, using: &random)
    let roundTrip = Duration.milliseconds(Int64.random(in: 1...20, using: &random))
    var driver = EngineDriver(
      policy: SchedulingTests.policy(calls: calls, reserve: 0), roundTrip: roundTrip, seed: seed)
    for order in 1...orders { driver.request(Int64(order)) }
    driver.run { _, _ in .accepted() }
    let windows = (orders - 1) / calls
    let optimum = Duration.seconds(2) * windows
    let drain = (driver.sent.last?.at ?? .distantFuture) - (driver.sent.first?.at ?? .distantPast)
    #expect(drain >= optimum)
    // A slot is free one window after its answer, and a burst follows its first call's answer: two round trips.
    #expect(drain <= optimum + roundTrip * 2 * (windows + 1), "seed \(seed): \(drain) for \(optimum)")
  }

  @Test func keysDrainSideBySide() {
    var driver = EngineDriver(policy: SchedulingTests.policy(calls: 20, reserve: 0), accounts: 300)
    for order in 0..<6000 { driver.request(Int64(order + 1), account: order % 300) }
    driver.run { _, _ in .accepted() }
    #expect(driver.results.count == 6000)
    #expect((driver.sent.last?.at ?? .distantFuture) - at(0) < .seconds(1))
  }

  @Test func aDuplicateThatIsAKillSwitchRaisesItsOrder() {
    var driver = EngineDriver(policy: SchedulingTests.policy(calls: 2, reserve: 0))
    for order in 1...10 { driver.request(Int64(order)) }
    driver.run(until: at(1)) { _, _ in .accepted() }
    driver.request(10, .killSwitch)
    driver.run { _, _ in .accepted() }
    #expect(driver.sent.map(\.call.orderID.value) == [1, 2, 10, 3, 4, 5, 6, 7, 8, 9])
    #expect(driver.results.count == 11)
  }

  @Test func aRequestThatWaitsTooLongIsAnsweredAtItsDeadlineWithoutACall() {
    var driver = EngineDriver(policy: SchedulingTests.policy(calls: 2, reserve: 0))
    driver.request(1, .killSwitch)
    driver.request(2, .killSwitch)
    driver.request(3, deadline: at(1.5))
    driver.run { _, _ in .accepted() }
    #expect(driver.sent.map(\.call.orderID.value) == [1, 2])
    let expired = driver.results.first { $0.orderID?.value == 3 }
    #expect(expired?.outcome == .expired)
    #expect(expired?.stages.answered == at(1.5))
    #expect(expired?.attempts == 0)
  }

  @Test func aThrottledKeyDelaysNoOther() {
    var driver = EngineDriver(policy: SchedulingTests.policy(calls: 20, reserve: 0), accounts: 2)
    for order in 1...10 { driver.request(Int64(order), account: 0) }
    for order in 11...20 { driver.request(Int64(order), account: 1) }
    driver.run { call, now in
      call.account == "a0" && now < at(30) ? .throttled(retryAfter: .seconds(5)) : .accepted()
    }
    let others = driver.results.filter { $0.account == "a1" }
    #expect(others.count == 10)
    #expect(others.allSatisfy { $0.stages.answered < at(1) })
    let throttled = driver.results.filter { $0.account == "a0" }
    #expect(throttled.allSatisfy { $0.outcome == .accepted && $0.attempts == 1 })
    // One call a time finds out whether it has passed.
    #expect(driver.sent.filter { $0.call.account == "a0" }.count <= 20 + 10)
  }

  /// An earlier worker may have called for what it had read. With `probe` one call finds out; with `wait` none goes while
  /// such calls may be in the window.
  @Test(arguments: [CancelPolicy.Takeover.probe, .wait])
  func afterATakeoverAKeyProbesOrWaits(takeover: CancelPolicy.Takeover) {
    var policy = CancelPolicy()
    policy.quotaWindow = .seconds(10)
    policy.afterTakeover = takeover
    policy.progressAfter = nil
    var engine = CancelEngine(policy: policy, defaultAccount: "a0", seed: 1)
    engine.configure(accounts: ["a0": QuotaKey(index: 0)], at: at(0))
    engine.assign(.first, logEnd: 5)
    engine.restored(.first, position: 0, at: at(1))
    var ids = RequestIDs()
    // Nothing that came after the takeover makes a key wait.
    _ = engine.receive(.make(order: 9, account: "a0", offset: 5, producedAt: at(1)), at: at(1))
    engine.advance(to: at(1))
    let own = engine.nextCall(at: at(1), requestID: { ids.next() })
    #expect(own?.orderID.value == 9)
    if let own { engine.answered(own.id, .accepted(), at: at(1.1)) }

    _ = engine.receive(.make(order: 1, account: "a0", offset: 2, producedAt: at(0)), at: at(2))
    engine.advance(to: at(2))
    let early = engine.nextCall(at: at(2), requestID: { ids.next() })
    #expect((early != nil) == (takeover == .probe))
    guard takeover == .wait else { return }
    #expect(engine.nextWake() == at(11), "a window after the restore")
    engine.advance(to: at(11))
    #expect(engine.nextCall(at: at(11), requestID: { ids.next() })?.orderID.value == 1)
  }
}
