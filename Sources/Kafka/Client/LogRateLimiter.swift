/// Decides which of many messages of one kind are written: the first few in each window; the next one written says how many
/// were left out.
package struct LogRateLimiter {
  /// What to do with a message.
  package enum Decision: Equatable {
    /// Write it, and say how many of its kind were left out since the last one was written.
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
  /// Kinds are message constants, a few dozen; the bound holds where one is made from data.
  private static let mostKinds = 1000

  /// At most `burst` messages of each kind in each `window`.
  package init(window: Duration = .seconds(10), burst: Int = 3) {
    self.window = window
    self.burst = burst
  }

  /// Whether a message of this kind is written.
  package mutating func decide(_ name: String, now: ContinuousClock.Instant) -> Decision {
    guard var kind = kinds[name] else {
      if kinds.count >= Self.mostKinds { kinds.removeAll() }
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

  /// Returns and resets what was left out since the last written message of each kind, sorted by kind.
  package mutating func takeLeftOut() -> [(kind: String, count: Int)] {
    var leftOut: [(kind: String, count: Int)] = []
    for (name, kind) in kinds where kind.leftOut > 0 {
      leftOut.append((name, kind.leftOut))
      kinds[name]?.leftOut = 0
    }
    return leftOut.sorted { $0.kind < $1.kind }
  }
}
