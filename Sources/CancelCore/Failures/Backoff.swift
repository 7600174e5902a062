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
