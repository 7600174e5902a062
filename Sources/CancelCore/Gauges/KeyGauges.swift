import CancelContract

/// One user key at one moment.
public struct KeyGauges: Sendable {
  /// The key's number.
  public var key: QuotaKey
  /// Calls allowed in a window; `nil` for no limit.
  public var limit: Int?
  /// Slots that are free, the reserve among them; `nil` for no limit.
  public var free: Int?
  /// When its next call can be sent; `nil` for at once, and where only an answer can tell.
  public var nextFreeAt: Timestamp?
  /// Until when a 429 forbids calls.
  public var blockedUntil: Timestamp?
  /// Whether the credential is believed to work.
  public var breaker: CredentialBreaker.State
  /// Since when its calls fail and are held back.
  public var outageSince: Timestamp?
  /// Orders that wait for the key.
  public var waiting: Int
  /// Orders that wait for their next attempt.
  public var backingOff: Int
  /// Its calls in flight.
  public var inFlight: Int

  /// Since when the credential is refused; `nil` while it works.
  public var refusedSince: Timestamp? {
    switch breaker {
    case .closed: nil
    case .open(let refusal, _), .probing(let refusal): refusal.since
    }
  }

  /// The breaker's state in a word: `closed`, `open` or `probing`.
  public var breakerName: String {
    switch breaker {
    case .closed: "closed"
    case .open: "open"
    case .probing: "probing"
    }
  }
}

extension KeyGauges {
  init(_ key: QuotaKey, _ state: KeyState, at now: Timestamp) {
    self.init(
      key: key,
      limit: state.quota.limit,
      free: state.quota.free(at: now),
      nextFreeAt: state.quota.nextFree(at: now),
      blockedUntil: state.quota.blocked(at: now),
      breaker: state.breaker.state,
      outageSince: state.gate.outSince,
      waiting: state.waiting,
      backingOff: state.backingOff,
      inFlight: state.inFlight)
  }
}
