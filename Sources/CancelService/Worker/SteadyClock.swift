import CancelContract
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The worker's clock: wall time that never jumps.
///
/// It starts at the system's wall time and goes on by the monotonic clock, so quotas and back-offs are untouched when
/// the system's clock is set. A difference to the wall clock is made good by at most a thousandth of the time that
/// passes, so deadlines follow it without a jump.
public final class SteadyClock: Sendable {
  private struct Anchor {
    var monotonic: Int64
    var steady: Int64
    var told: Int64
  }

  private let anchor: Mutex<Anchor>
  private let monotonicNow: @Sendable () -> Int64
  private let wallNow: @Sendable () -> Int64

  /// The system's clocks.
  public convenience init() {
    self.init(
      monotonic: { SteadyClock.microseconds(SteadyClock.sinceBoot) },
      wall: { SteadyClock.microseconds(CLOCK_REALTIME) })
  }

  /// Clocks that tell microseconds.
  init(monotonic: @escaping @Sendable () -> Int64, wall: @escaping @Sendable () -> Int64) {
    monotonicNow = monotonic
    wallNow = wall
    let start = wall()
    anchor = Mutex(Anchor(monotonic: monotonic(), steady: start, told: start))
  }

  /// The present time; never earlier than what was told before.
  public var now: Timestamp {
    anchor.withLock { anchor in
      let monotonic = monotonicNow()
      let elapsed = monotonic - anchor.monotonic
      var steady = anchor.steady + elapsed
      if elapsed >= SteadyClock.adjustEvery {
        let most = elapsed / 1000
        steady += min(max(wallNow() - steady, -most), most)
        anchor.monotonic = monotonic
        anchor.steady = steady
      }
      anchor.told = max(anchor.told, steady)
      return Timestamp(microseconds: anchor.told)
    }
  }

  // Linux stops its monotonic clock while the machine is suspended.
  #if canImport(Glibc)
    private static let sinceBoot = CLOCK_BOOTTIME
  #else
    private static let sinceBoot = CLOCK_MONOTONIC
  #endif

  private static let adjustEvery: Int64 = 1_000_000

  private static func microseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }
}
