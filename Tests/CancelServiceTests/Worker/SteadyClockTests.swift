import CancelContract
import Synchronization
import Testing

@testable import CancelService

@Suite struct SteadyClockTests {
  private final class Clocks: Sendable {
    let monotonic = Mutex<Int64>(0)
    let wall = Mutex<Int64>(1_000_000_000)

    func clock() -> SteadyClock {
      SteadyClock(monotonic: { self.monotonic.withLock { $0 } }, wall: { self.wall.withLock { $0 } })
    }

    func pass(_ microseconds: Int64) {
      monotonic.withLock { $0 += microseconds }
      wall.withLock { $0 += microseconds }
    }
  }

  @Test(arguments: [-900_000, 900_000, -2000, 2000] as [Int64])
  func aDifferenceOfLessThanASecondIsMadeGoodWithoutAJump(jump: Int64) {
    let clocks = Clocks()
    let clock = clocks.clock()
    var last = clock.now
    clocks.wall.withLock { $0 += jump }
    for _ in 0..<20_000 {
      clocks.pass(999)
      let now = clock.now
      #expect(now >= last && now - last <= .microseconds(999 + 1001), "\(now - last) passed in 999 µs")
      last = now
    }
    let left = Timestamp(microseconds: clocks.wall.withLock { $0 }) - last
    #expect(abs(left.microseconds) <= max(0, abs(jump) - 4700))
    // Twenty seconds have passed: more would take too much of the quota window's margin.
    #expect(abs(jump) - abs(left.microseconds) <= 5000)
    #expect(clock.reading.stepped == .zero)
  }

  @Test(arguments: [-900_000_000, 900_000_000, -1_000_001, 1_000_001] as [Int64])
  func aClockThatIsSetByMoreIsFollowedWithinASecond(jump: Int64) {
    let clocks = Clocks()
    let clock = clocks.clock()
    let start = clock.reading
    clocks.wall.withLock { $0 += jump }
    clocks.pass(999_999)
    #expect(clock.now - start.time == .microseconds(999_999) && clock.reading.stepped == .zero)
    clocks.pass(1)
    let reading = clock.reading
    #expect(reading.stepped == .microseconds(jump))
    #expect(reading.time == start.time + .microseconds(1_000_000 + jump))
    #expect(clock.difference == .microseconds(jump))
    #expect(reading.time - clock.corrected(start) == .seconds(1), "what was told before can be told again")
    clocks.pass(1_000_000)
    #expect(clock.reading.stepped == .microseconds(jump) && clock.difference == .zero)
  }

  @Test func aThreadThatIsHeldUpBetweenTheClocksIsNoStep() {
    let clocks = Clocks()
    let clock = SteadyClock(
      monotonic: { clocks.monotonic.withLock { $0 } },
      wall: {
        let isFirst = clocks.monotonic.withLock { $0 == 0 }
        if !isFirst { clocks.pass(5_000_000) }
        return clocks.wall.withLock { $0 }
      })
    let start = clock.now
    clocks.pass(1_000_000)
    #expect(clock.reading.stepped == .zero)
    #expect(clock.now > start)
  }
}
