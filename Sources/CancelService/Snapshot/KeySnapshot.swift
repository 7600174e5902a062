import CancelContract
import CancelCore

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
  /// Calls of the window that routine requests leave to kill-switches.
  public var reserved = 0
  /// The priorities that may make no call now because of the quota.
  public var heldPriorities: Set<Priority> = []
  /// When the next call of each priority that is held can be sent; absent where only an answer can tell.
  public var nextCallAt: [Priority: Timestamp] = [:]
  /// Since when its calls fail and are held back.
  public var outSince: Timestamp?
  /// When the last of the kill-switches that wait can be expected to be sent; `nil` where none waits.
  public var killSwitchesSentAt: Timestamp?
  /// Until when the API's 429 forbids calls.
  public var blockedUntil: Timestamp?
  /// Whether the credential is believed to work.
  public var breaker = Breaker.closed
  /// Since when it is refused.
  public var refusedSince: Timestamp?
  /// Orders that wait for it.
  public var waiting = 0
  /// Orders that wait for it by the priority of their most urgent request.
  public var waitingByPriority: [Priority: Int] = [:]
  /// Orders that an operator holds.
  public var held = 0
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

  /// Whether orders of this priority wait for it and the quota is what holds them back.
  public func isBlocked(_ priority: Priority) -> Bool {
    (waitingByPriority[priority] ?? 0) > 0 && heldPriorities.contains(priority)
  }

  /// How long until its next call of this priority; zero for now, `nil` where only an answer can tell.
  public func wait(_ priority: Priority, at now: Timestamp) -> Duration? {
    guard heldPriorities.contains(priority) else { return .zero }
    return nextCallAt[priority].map { max($0 - now, .zero) }
  }

  /// Whether it may make no call at `now`.
  public func isExhausted(at now: Timestamp) -> Bool {
    freeCalls == 0 || (blockedUntil ?? .distantPast) > now
  }

  /// The greater, the sooner somebody should look at it.
  func need(at now: Timestamp) -> Need {
    Need(
      isRefused: breaker != .closed,
      waitingInVain: Priority.allCases.contains(where: isBlocked) ? waiting : 0,
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

extension KeySnapshot {
  /// The key with the engine's figures of it.
  package init(_ gauges: KeyGauges, digest: String, environment: String, accounts: [AccountName]) {
    self.init(digest: digest, environment: environment, accounts: accounts)
    freeCalls = gauges.free
    limit = gauges.limit
    nextFreeAt = gauges.nextFreeAt
    reserved = gauges.reserved
    heldPriorities = gauges.heldPriorities
    nextCallAt = gauges.nextCallAt
    blockedUntil = gauges.blockedUntil
    waiting = gauges.waiting
    waitingByPriority = gauges.waitingByPriority
    held = gauges.held
    killSwitchesSentAt = gauges.killSwitchesSentAt
    inFlight = gauges.inFlight
    outSince = gauges.outageSince
    switch gauges.breaker {
    case .closed: breaker = .closed
    case .open(let refusal, _): (breaker, refusedSince) = (.open, refusal.since)
    case .probing(let refusal): (breaker, refusedSince) = (.probing, refusal.since)
    }
  }
}
