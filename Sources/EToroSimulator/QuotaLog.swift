/// The rolling quota of one user key, exact: the times of the calls that it let through.
struct QuotaLog: Sendable {
  /// What the quota says to a call.
  struct Verdict: Equatable {
    var isAllowed: Bool
    /// Calls left in the window, this one counted.
    var remaining: Int
    /// Until the oldest call leaves the window.
    var reset: Duration
  }

  private var times: [ContinuousClock.Instant] = []
  private var first = 0

  mutating func take(at now: ContinuousClock.Instant, limit: Int, window: Duration) -> Verdict {
    while first < times.count, now - times[first] >= window { first += 1 }
    if first > 1024 {
      times.removeFirst(first)
      first = 0
    }
    let used = times.count - first
    guard used < limit else {
      return Verdict(isAllowed: false, remaining: 0, reset: window - (now - times[first]))
    }
    times.append(now)
    return Verdict(isAllowed: true, remaining: limit - used - 1, reset: window - (now - times[first]))
  }
}
