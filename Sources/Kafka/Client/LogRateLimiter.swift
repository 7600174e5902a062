/// Decides which of a storm of like messages are told: the first few of a kind in each window, then a count.
struct LogRateLimiter {
  enum Decision: Equatable {
    /// Tell it, and say how many of its kind were left out since the last one told.
    case tell(leftOut: Int)
    /// Leave it out.
    case leaveOut
  }

  private struct Kind {
    var windowStart: ContinuousClock.Instant
    var told: Int
    var leftOut: Int
  }

  private let window: Duration
  private let burst: Int
  private var kinds: [String: Kind] = [:]

  init(window: Duration = .seconds(10), burst: Int = 3) {
    self.window = window
    self.burst = burst
  }

  mutating func decide(_ name: String, now: ContinuousClock.Instant) -> Decision {
    guard var kind = kinds[name] else {
      // Kinds are names of librdkafka's log facilities, a few dozen; the bound only guards against surprises.
      if kinds.count >= 256 { kinds.removeAll() }
      kinds[name] = Kind(windowStart: now, told: 1, leftOut: 0)
      return .tell(leftOut: 0)
    }
    defer { kinds[name] = kind }
    if now - kind.windowStart >= window {
      let leftOut = kind.leftOut
      kind = Kind(windowStart: now, told: 1, leftOut: 0)
      return .tell(leftOut: leftOut)
    }
    guard kind.told < burst else {
      kind.leftOut += 1
      return .leaveOut
    }
    kind.told += 1
    return .tell(leftOut: 0)
  }
}
