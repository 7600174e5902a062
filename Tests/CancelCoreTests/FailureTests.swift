import CancelContract
import Testing

@testable import CancelCore

/// Credentials that are refused, an API that is out, and attempts that fail.
@Suite struct FailureTests {
  private static func policy(_ mode: CancelPolicy.BreakerMode = .failFast) -> CancelPolicy {
    var policy = CancelPolicy()
    policy.quotaCalls = 0
    policy.breakerMode = mode
    policy.progressAfter = nil
    policy.maxInFlight = 1000
    return policy
  }

  @Test func aRefusedKeyIsAnsweredAtOnceAndProbedUntilItWorks() {
    var driver = EngineDriver(policy: FailureTests.policy(), accounts: 2)
    driver.request(1)
    driver.run(until: at(0.1)) { _, _ in .refused }
    #expect(driver.results.map(\.outcome) == [.failed])
    #expect(driver.results.first?.httpStatus == 401)
    // While the breaker is open nothing is spent, and the other key is untouched.
    for order in 2...50 { driver.request(Int64(order)) }
    driver.request(51, account: 1)
    driver.run(until: at(0.1)) { _, _ in .accepted() }
    #expect(driver.results.count == 50)
    #expect(driver.results.dropFirst().allSatisfy { $0.outcome == .failed && $0.attempts == 0 })
    #expect(driver.results.dropFirst().allSatisfy { $0.problem?.problemType == .credentialRefused })
    driver.run { _, _ in .accepted() }
    #expect(driver.sent.map(\.call.orderID.value) == [1, 51])
    // A minute later a request is let through as a probe, one at a time; when it passes, so does the rest.
    driver.run(until: at(70)) { _, _ in .accepted() }
    driver.request(60)
    driver.run { _, _ in .accepted() }
    for order in 61...70 { driver.request(Int64(order)) }
    driver.run { _, _ in .accepted() }
    #expect(driver.results.filter { ($0.orderID?.value ?? 0) >= 60 }.allSatisfy { $0.outcome == .accepted })
  }

  @Test func aRenewedCredentialStartsAnew() {
    var driver = EngineDriver(policy: FailureTests.policy())
    driver.request(1)
    driver.run(until: at(0.1)) { _, _ in .refused }
    driver.renewCredential()
    // What the old one was refused for counts no more, not even where that answer is still on its way.
    for order in 2...5 { driver.request(Int64(order)) }
    driver.sendAll()
    driver.renewCredential()
    driver.request(6)
    var answers = 0
    driver.run { _, _ in
      answers += 1
      return answers <= 4 ? .refused : .accepted()
    }
    #expect(driver.results.map(\.outcome) == [.failed] + Array(repeating: .accepted, count: 5))
    #expect(answers == 9)
  }

  @Test func aHeldKeyKeepsItsRequestsUntilItWorks() {
    var driver = EngineDriver(policy: FailureTests.policy(.hold))
    for order in 1...20 { driver.request(Int64(order)) }
    driver.run { _, now in now < at(40) ? .refused : .accepted() }
    #expect(driver.results.count == 20)
    #expect(driver.results.allSatisfy { $0.outcome == .accepted })
    let probes = driver.sent.filter { $0.at > at(0.1) && $0.at < at(40) }
    #expect(!probes.isEmpty)
    #expect(probes.count < 20, "probes come with growing delays")
  }

  @Test func anOutageHoldsRequestsProbesWithGrowingDelaysAndEndsWithoutAStampede() {
    var driver = EngineDriver(policy: FailureTests.policy(), accounts: 50)
    for order in 0..<500 { driver.request(Int64(order + 1), account: order % 50) }
    driver.run { _, now in now < at(60) ? .unavailable : .accepted() }
    #expect(driver.results.count == 500)
    #expect(driver.results.allSatisfy { $0.outcome == .accepted })
    let probes = driver.sent.map(\.at).filter { $0 > at(1) && $0 < at(60) }
    #expect(probes.count < 60, "\(probes.count) calls while the API was out")
    // Where it returns, calls in flight double with each answer; they don't come all at once.
    guard let back = driver.sent.map(\.at).first(where: { $0 >= at(60) - .milliseconds(5) }) else {
      Issue.record("nothing was sent after the outage")
      return
    }
    let first = driver.sent.filter { $0.at >= back && $0.at < back + .milliseconds(6) }
    #expect(first.count <= 4, "\(first.count) calls met the API as it came back")
  }

  @Test func attemptsGoOnUntilTheDeadlineAndTheirEndSaysWhatIsKnown() {
    var driver = EngineDriver(policy: FailureTests.policy())
    driver.request(1, deadline: at(30))
    driver.run { _, _ in .unavailable }
    #expect(driver.results.map(\.outcome) == [.failed])
    #expect(driver.results.first?.problem?.problemType == .attemptsExhausted)
    #expect(driver.results.first?.stages.answered == at(30))
    #expect(driver.sent.count > 3 && driver.sent.count < 60)
    #expect(driver.results.first?.attempts == driver.sent.count)
    #expect(Set(driver.sent.map(\.call.requestID)).count == driver.sent.count)

    var lost = EngineDriver(policy: FailureTests.policy())
    lost.request(1, deadline: at(30))
    lost.run { _, _ in .timedOut }
    #expect(lost.results.first?.problem?.problemType == .outcomeUnknown)
  }

  @Test func a403PageOfACDNThrowsNoKillSwitchAway() {
    var driver = EngineDriver(policy: FailureTests.policy())
    for order in 1...100 { driver.request(Int64(order), .killSwitch) }
    var calls = 0
    driver.run { _, _ in
      calls += 1
      return calls == 1 ? .make(.transient, 403) : .accepted()
    }
    #expect(driver.results.count == 100)
    #expect(driver.results.allSatisfy { $0.outcome == .accepted })
    #expect(driver.engine.counts.breakersOpened == 0)
  }

  @Test(arguments: [1, 10, 1000])
  func one403WithoutABodyThrowsNoKillSwitchAway(inFlight: Int) {
    var policy = FailureTests.policy()
    policy.maxInFlight = inFlight
    var driver = EngineDriver(policy: policy)
    for order in 1...100 { driver.request(Int64(order), .killSwitch) }
    var calls = 0
    driver.run { _, _ in
      calls += 1
      return calls == 1 ? .perhapsRefused : .accepted()
    }
    #expect(driver.results.count == 100)
    #expect(driver.results.allSatisfy { $0.outcome == .accepted })
    #expect(driver.engine.counts.breakersOpened == 0)
  }

  @Test(arguments: [1, 10, 1000])
  func aSecond403WithoutABodyOpensTheBreaker(inFlight: Int) {
    var policy = FailureTests.policy()
    policy.maxInFlight = inFlight
    var driver = EngineDriver(policy: policy)
    for order in 1...100 { driver.request(Int64(order), .killSwitch) }
    driver.run(until: at(5)) { _, _ in .perhapsRefused }
    #expect(driver.results.count == 100)
    #expect(driver.results.allSatisfy { $0.outcome == .failed && $0.problem?.status == 403 })
    #expect(driver.engine.counts.breakersOpened == 1)
    // Calls that were under way with the first one confirm nothing; the probe after it does.
    #expect(driver.sent.count == min(inFlight, 100) + 1)
    driver.request(101, .killSwitch)
    driver.run(until: at(5)) { _, _ in .accepted() }
    #expect(
      driver.results.last?.problem?.problemType == .credentialRefused || driver.results.last?.outcome == .accepted)
  }

  @Test func whileARefusalIsUncertainNothingIsReportedAsRefused() {
    var policy = FailureTests.policy()
    policy.maxInFlight = 1
    var driver = EngineDriver(policy: policy)
    for order in 1...3 { driver.request(Int64(order), deadline: at(30)) }
    driver.run(until: at(0.02)) { _, _ in .perhapsRefused }
    #expect(driver.results.isEmpty)
    #expect(driver.engine.gauges(at: at(0.02)).keys.first?.refusedSince == nil)
    // A certain refusal on the probe needs no other.
    driver.run(until: at(10)) { _, _ in .refused }
    #expect(driver.results.count == 3 && driver.results.allSatisfy { $0.outcome == .failed })
    #expect(driver.sent.count == 2)
    #expect(driver.engine.gauges(at: at(10)).keys.first?.refusedSince != nil)
  }

  @Test func aHeldKeyIsProbedAfterAnUncertainRefusalToo() {
    var driver = EngineDriver(policy: FailureTests.policy(.hold))
    for order in 1...20 { driver.request(Int64(order)) }
    driver.run { _, now in now < at(40) ? .perhapsRefused : .accepted() }
    #expect(driver.results.count == 20 && driver.results.allSatisfy { $0.outcome == .accepted })
  }

  @Test func anOrderWhoseCallCannotSucceedFailsWithTheStatusAndIsNotRemembered() {
    var driver = EngineDriver(policy: FailureTests.policy())
    driver.request(1)
    driver.run { _, _ in .make(.failed, 431) }
    #expect(driver.results.map(\.outcome) == [.failed])
    #expect(driver.results.first?.httpStatus == 431 && driver.results.first?.problem?.status == 431)
    #expect(driver.results.first?.attempts == 1)
    driver.request(1)
    driver.run { _, _ in .accepted() }
    #expect(driver.results.map(\.outcome) == [.failed, .accepted])
    #expect(driver.results.last?.deduplicated == false)
  }

  @Test func whereACallMayHaveSucceededAFailureSaysSo() {
    var driver = EngineDriver(policy: FailureTests.policy())
    driver.request(1)
    var calls = 0
    driver.run { _, _ in
      calls += 1
      return calls == 1 ? .timedOut : .make(.failed, 451)
    }
    #expect(driver.results.first?.problem?.problemType == .outcomeUnknown)
  }

  @Test func anUnreadableAnswerIsFollowedByTwoCallsAtOnceAndThenByBackOff() throws {
    var driver = EngineDriver(policy: FailureTests.policy())
    driver.request(1, deadline: at(60))
    var calls = 0
    driver.run { _, _ in
      calls += 1
      return calls <= 4 ? .unreadable : .accepted()
    }
    #expect(driver.results.map(\.outcome) == [.accepted])
    let times = driver.sent.map(\.at)
    try #require(times.count == 5)
    #expect(times[1] - times[0] == .milliseconds(5) && times[2] - times[1] == .milliseconds(5))
    #expect(times[3] - times[2] >= .milliseconds(25) && times[4] - times[3] >= .milliseconds(25))
  }

  @Test func unreadableAnswersHoldNoOtherKeyBack() {
    var driver = EngineDriver(policy: FailureTests.policy(), accounts: 6)
    for order in 0..<60 { driver.request(Int64(order + 1), account: order % 5, .killSwitch, deadline: at(100)) }
    driver.run(until: at(5)) { _, _ in .unreadable }
    #expect(driver.engine.gauges(at: at(5)).apiOutSince == nil)
    driver.request(1000, account: 5, .killSwitch)
    driver.run(until: at(5.1)) { call, _ in call.orderID.value == 1000 ? .accepted() : .unreadable }
    #expect(driver.results.map(\.outcome) == [.accepted])
    driver.run { _, _ in .accepted() }
    #expect(driver.results.count == 61 && driver.results.allSatisfy { $0.outcome == .accepted })
  }

  @Test func a503ThatSaysWhenToComeBackIsKeptTo() throws {
    var driver = EngineDriver(policy: FailureTests.policy(), accounts: 2)
    driver.request(1)
    var calls = 0
    driver.run(until: at(1)) { _, _ in
      calls += 1
      return .make(.transient, 503, rateLimit: RateLimit(retryAfter: .seconds(7)))
    }
    driver.request(2)
    driver.request(3, account: 1)
    driver.run { _, _ in .accepted() }
    #expect(calls == 1)
    let times = Dictionary(driver.sent.map { ($0.call.orderID.value, $0.at) }, uniquingKeysWith: { $1 })
    #expect(try #require(times[1]) >= at(7) && #require(times[2]) >= at(7), "the key waits, as after a 429")
    #expect(try #require(times[3]) < at(2), "another key does not")
  }

  @Test func theTextsCountAndEndTheirSentencesOnce() throws {
    for attempts in [1, 2] {
      var driver = EngineDriver(policy: FailureTests.policy())
      driver.request(1, deadline: at(30))
      var calls = 0
      driver.run { _, _ in
        calls += 1
        let wait = RateLimit(retryAfter: calls < attempts ? .zero : .seconds(60))
        let problem = Problem(.apiUnreachable, detail: "Nobody listens. The call was not sent.")
        return CancelAnswer(kind: .transient, httpStatus: 503, problem: problem, rateLimit: wait)
      }
      let detail = try #require(driver.results.first?.problem?.detail)
      #expect(detail.hasPrefix(attempts == 1 ? "1 attempt failed" : "2 attempts failed"), "\(detail)")
      #expect(!detail.contains("..") && detail.contains("The call was not sent. Send a new request"), "\(detail)")
    }
  }

  @Test(arguments: 0..<20)
  func delaysAreJitteredWithinTheirBounds(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let backoff = Backoff(base: .milliseconds(200), cap: .seconds(10))
    for failures in 1...40 {
      let delay = backoff.delay(failures: failures, random: &random)
      let upper = min(Duration.seconds(10), .milliseconds(200) * (1 << min(failures - 1, 10)))
      #expect(delay <= upper)
      #expect(delay >= upper / 10)
    }
  }
}
