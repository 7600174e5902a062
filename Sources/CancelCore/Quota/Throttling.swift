import CancelContract

/// What a key's answers of 429 taught.
struct Throttling: Sendable {
  /// Whether one ever came.
  private(set) var wasThrottled = false
  /// Whether no other answer came since: until then one call goes at a time.
  private(set) var isUnconfirmed = false
  /// When the last one came.
  private var lastAt = Timestamp.distantPast
  /// Calls answered so, one after another, each sent after the answer to the one before.
  private var inARow = 0
  /// Whether the server tells how many calls are left.
  private(set) var tellsRemaining = false
  /// How many calls the server let through, where only a 429 tells.
  private(set) var learnedLimit: Int?
  private var learnedAt = Timestamp.distantPast

  /// A 429 came to a call that was sent at `sentAt`, while `used` others held slots (`nil`: they are not counted).
  ///
  /// - Returns: for how long nothing is to be sent.
  mutating func throttled(
    sentAt: Timestamp, used: Int?, told: Duration?, longest: Duration, window: Duration, at now: Timestamp
  ) -> Duration {
    inARow = sentAt >= lastAt ? inARow + 1 : max(1, inARow)
    lastAt = now
    wasThrottled = true
    isUnconfirmed = true
    if let used, !tellsRemaining {
      learnedLimit = max(1, min(learnedLimit ?? .max, used))
      learnedAt = now
    }
    // Not for ever, whatever it says; and ever longer where its word proves too short.
    let shortest = min(window, .milliseconds(10) * (1 << min(inARow - 1, 16)))
    return max(min(told ?? min(window, .seconds(1)), longest), shortest)
  }

  /// Another answer came.
  mutating func answered(tellsRemaining: Bool, window: Duration, at now: Timestamp) {
    isUnconfirmed = false
    inARow = 0
    if tellsRemaining {
      self.tellsRemaining = true
      learnedLimit = nil
    }
    guard let learned = learnedLimit, learnedAt + window <= now else { return }
    // What others use may have become less: one call more is tried in each window, until it is as if nothing had been.
    learnedAt = now
    learnedLimit = lastAt + window * 10 > now ? learned + 1 : nil
  }

  /// The clock was set: every time keeps its distance to the present.
  mutating func clockStepped(by step: Duration) {
    lastAt.clockStepped(by: step)
    learnedAt.clockStepped(by: step)
  }
}
