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

  @Test(arguments: [-3_600_000_000, 3_600_000_000, -2000, 2000] as [Int64])
  func aWallClockThatIsSetIsFollowedWithoutAJumpAndNeverBack(jump: Int64) {
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
    #expect(abs(left.microseconds) <= max(0, abs(jump) - 19_000))
  }
}
