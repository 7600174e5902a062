import CancelContract

/// Exponential backoff with full jitter: the n-th delay is uniform between a floor and `base · 2ⁿ`, at most `cap`.
///
/// The floor of a tenth keeps a run of small draws from becoming a burst.
public struct Backoff: Sendable {
  /// The first delay's upper end.
  public var base: Duration
  /// No delay is longer.
  public var cap: Duration

  /// Delays between a tenth of `base` and `cap`.
  public init(base: Duration, cap: Duration) {
    self.base = base
    self.cap = cap
  }

  /// The delay after `failures` failures in a row (1 or more).
  public func delay(failures: Int, random: inout SplitMix64) -> Duration {
    let doublings = min(max(failures - 1, 0), 20)
    let (scaled, overflow) = base.microseconds.multipliedReportingOverflow(by: 1 << doublings)
    let upper = max(1, overflow ? cap.microseconds : min(cap.microseconds, scaled))
    return .microseconds(Int64.random(in: upper / 10...upper, using: &random))
  }
}

/// A small seeded generator (Steele, Lea & Flood, "Fast splittable pseudorandom number generators"), so that jitter is
/// part of the engine's value and a history can be replayed. Not for secrets or ids.
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// A generator that starts at `seed`.
  public init(seed: UInt64) {
    state = seed
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
