import Testing

@testable import EToroSimulator

@Suite struct QuotaLogTests {
  @Test(arguments: 0..<50)
  func neverLetsThroughMoreThanTheLimitInAnyWindow(seed: UInt64) {
    var random = FaultGenerator(seed: seed)
    var log = QuotaLog()
    let window = Duration.milliseconds(1000)
    var now = ContinuousClock.now
    var allowed: [ContinuousClock.Instant] = []
    for _ in 0..<500 {
      now = now.advanced(by: .milliseconds(Int64.random(in: 0...120, using: &random)))
      let inWindow = allowed.filter { now - $0 < window }.count
      let verdict = log.take(at: now, limit: 7, window: window)
      #expect(verdict.isAllowed == (inWindow < 7))
      if verdict.isAllowed {
        allowed.append(now)
        #expect(verdict.remaining == 7 - inWindow - 1)
      }
      if let oldest = allowed.first(where: { now - $0 < window }) {
        #expect(verdict.reset == window - (now - oldest))
      }
    }
  }
}
