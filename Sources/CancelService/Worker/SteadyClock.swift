import CancelContract
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The worker's clock: wall time that does not jump, unless the system's clock is set.
///
/// It starts at the system's wall time and goes on by the monotonic clock. Once a second, when it is read, it looks at
/// the wall clock: a difference of up to a second is made good by at most a quarter of a thousandth of the time that
/// passes, so that no jump is seen, and so that it uses up only a part of the thousandth by which the quota's window is
/// longer than the API's: the rest is for machines whose clocks run too fast or too slow. A larger one means that one of the two was wrong, and waiting for days would not help: the clock
/// steps, and counts by how much, so that code that keeps times can move them along (`Reading.stepped`).
public final class SteadyClock: Sendable {
  /// A time, and by how much the clock had stepped until then.
  public struct Reading: Hashable, Sendable {
    /// The time.
    public var time: Timestamp
    /// The sum of all steps since the clock's start; negative where it was set back.
    public var stepped: Duration

    /// A reading of that time.
    public init(_ time: Timestamp, stepped: Duration = .zero) {
      self.time = time
      self.stepped = stepped
    }
  }

  private struct Anchor {
    var monotonic: Int64
    var steady: Int64
    var told: Int64
    var stepped: Int64 = 0
    /// How far the wall clock was ahead when it was last looked at.
    var difference: Int64 = 0
  }

  /// A larger difference to the wall clock is a step.
  public static let largestDifference = Duration.seconds(1)

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
  package init(monotonic: @escaping @Sendable () -> Int64, wall: @escaping @Sendable () -> Int64) {
    monotonicNow = monotonic
    wallNow = wall
    let start = wall()
    anchor = Mutex(Anchor(monotonic: monotonic(), steady: start, told: start))
  }

  /// The present time; never earlier than what was told before, unless the clock has stepped since.
  public var now: Timestamp { reading.time }

  /// The present time, with the steps that led to it.
  public var reading: Reading {
    anchor.withLock { anchor in
      let monotonic = monotonicNow()
      if monotonic - anchor.monotonic >= SteadyClock.lookEvery { look(&anchor, at: monotonic) }
      anchor.told = max(anchor.told, anchor.steady + monotonic - anchor.monotonic)
      return Reading(Timestamp(microseconds: anchor.told), stepped: .microseconds(anchor.stepped))
    }
  }

  /// How far the system's wall clock is ahead of this one; negative where it is behind. As of the last look, which is a
  /// second old at most where the clock is read meanwhile.
  public var difference: Duration { anchor.withLock { .microseconds($0.difference) } }

  /// The moment of an earlier reading by the clock as it is now.
  public func corrected(_ earlier: Reading) -> Timestamp {
    earlier.time + (reading.stepped - earlier.stepped)
  }

  private func look(_ anchor: inout Anchor, at monotonic: Int64) {
    let wall = wallNow()
    // Where the thread was held up between the two clocks, they tell of different moments: there is another look soon.
    guard monotonicNow() - monotonic < SteadyClock.longestLook else { return }
    let elapsed = monotonic - anchor.monotonic
    let steady = anchor.steady + elapsed
    anchor.monotonic = monotonic
    anchor.difference = wall - steady
    if abs(anchor.difference) > SteadyClock.largestDifference.microseconds {
      anchor.stepped += anchor.difference
      anchor.steady = wall
      anchor.told = wall
    } else {
      let most = elapsed / SteadyClock.slowness
      anchor.steady = steady + min(max(anchor.difference, -most), most)
    }
  }

  // Linux stops its monotonic clock while the machine is suspended.
  #if canImport(Glibc)
    private static let sinceBoot = CLOCK_BOOTTIME
  #else
    private static let sinceBoot = CLOCK_MONOTONIC
  #endif

  /// A difference is made good by one part in so many.
  private static let slowness: Int64 = 4000
  private static let lookEvery: Int64 = 1_000_000
  private static let longestLook: Int64 = 10_000

  private static func microseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }
}
