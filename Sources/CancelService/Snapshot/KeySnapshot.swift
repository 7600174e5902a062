import CancelContract

/// One user key at one moment. The key itself is not in it.
public struct KeySnapshot: Sendable {
  /// Whether the credential is believed to work.
  public enum Breaker: String, Sendable, CaseIterable {
    /// It works.
    case closed
    /// The API refused it; nothing is sent until the next probe.
    case open
    /// One call is on its way to find out.
    case probing
  }

  /// A short digest of the key (`UserKeyID`'s description).
  public var digest: String
  /// `demo` or `real`.
  public var environment: String
  /// The accounts that use the key.
  public var accounts: [AccountName]
  /// Calls that it may make now; `nil` for no limit.
  public var freeCalls: Int?
  /// Calls that it may make in a window; `nil` for no limit.
  public var limit: Int?
  /// When it may make its next call; `nil` for now.
  public var nextFreeAt: Timestamp?
  /// Until when the API's 429 forbids calls.
  public var blockedUntil: Timestamp?
  /// Whether the credential is believed to work.
  public var breaker = Breaker.closed
  /// Since when it is refused.
  public var refusedSince: Timestamp?
  /// Orders that wait for it.
  public var waiting = 0
  /// Its calls that are sent and not answered.
  public var inFlight = 0

  /// A key that may make calls without limit.
  public init(digest: String, environment: String, accounts: [AccountName]) {
    self.digest = digest
    self.environment = environment
    self.accounts = accounts
  }

  /// How long until its next call; zero for now.
  public func wait(at now: Timestamp) -> Duration {
    let until = max(nextFreeAt ?? .distantPast, blockedUntil ?? .distantPast)
    return until > now ? until - now : .zero
  }

  /// Whether it may make no call at `now`.
  public func isExhausted(at now: Timestamp) -> Bool {
    freeCalls == 0 || (blockedUntil ?? .distantPast) > now
  }

  /// The greater, the sooner somebody should look at it.
  func need(at now: Timestamp) -> Need {
    Need(
      isRefused: breaker != .closed,
      waitingInVain: isExhausted(at: now) ? waiting : 0,
      waiting: waiting,
      used: (limit ?? 0) - (freeCalls ?? limit ?? 0),
      inFlight: inFlight)
  }

  struct Need: Comparable {
    var isRefused: Bool
    var waitingInVain: Int
    var waiting: Int
    var used: Int
    var inFlight: Int

    static func < (left: Need, right: Need) -> Bool {
      (left.isRefused ? 1 : 0, left.waitingInVain, left.waiting, left.used, left.inFlight)
        < (right.isRefused ? 1 : 0, right.waitingInVain, right.waiting, right.used, right.inFlight)
    }
  }
}
