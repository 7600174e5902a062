import Testing

@testable import Kafka

@Suite struct LogRateLimiterTests {
  @Test func aStormIsCutAndCounted() {
    var limiter = LogRateLimiter(window: .seconds(10), burst: 2)
    let start = ContinuousClock.now
    #expect(limiter.decide("FAIL", now: start) == .tell(leftOut: 0))
    #expect(limiter.decide("FAIL", now: start + .seconds(1)) == .tell(leftOut: 0))
    for second in 2..<9 { #expect(limiter.decide("FAIL", now: start + .seconds(second)) == .leaveOut) }
    #expect(limiter.decide("OTHER", now: start + .seconds(9)) == .tell(leftOut: 0), "each kind for itself")
    #expect(limiter.decide("FAIL", now: start + .seconds(10)) == .tell(leftOut: 7))
    #expect(limiter.decide("FAIL", now: start + .seconds(11)) == .tell(leftOut: 0))
    #expect(limiter.decide("FAIL", now: start + .seconds(12)) == .leaveOut)
  }
}
