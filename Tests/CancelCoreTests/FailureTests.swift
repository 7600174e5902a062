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
