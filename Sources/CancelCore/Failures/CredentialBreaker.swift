import CancelContract

/// Stops calls with a credential that the API refuses (401, 403), and lets one probe at a time find out when it works
/// again.
public struct CredentialBreaker: Sendable {
  /// Whether the credential is believed to work.
  public enum State: Sendable {
    /// Calls pass. Followed by `open`.
    case closed
    /// No call passes until `probeAt`. Followed by `probing`, or by `closed` when a call sent before succeeds.
    case open(Refusal, probeAt: Timestamp)
    /// One call is on its way to find out. Followed by `closed` or `open`.
    case probing(Refusal)
  }

  /// Since when, and how often in a row, the credential was refused.
  public struct Refusal: Sendable {
    /// The first refusal of this run.
    public var since: Timestamp
    /// Refused probes in this run, the first refusal among them.
    public var count: Int
    /// The status code of the last one.
    public var httpStatus: Int?
  }

  /// What the breaker says to a call that would be sent.
  public enum Verdict: Sendable {
    /// Send it.
    case pass
    /// Send it: it is the probe.
    case probe
    /// Don't; the next probe is due at `until` (`nil` while one is on its way).
    case refuse(Refusal, until: Timestamp?)
  }

  /// The present state.
  public private(set) var state = State.closed

  /// A closed breaker.
  public init() {}

  /// The standing refusal, where there is one.
  public var refusal: Refusal? {
    switch state {
    case .closed: nil
    case .open(let refusal, _), .probing(let refusal): refusal
    }
  }

  /// Whether a call may be sent at `now`.
  public func verdict(at now: Timestamp) -> Verdict {
    switch state {
    case .closed: .pass
    case .open(let refusal, let probeAt): now >= probeAt ? .probe : .refuse(refusal, until: probeAt)
    case .probing(let refusal): .refuse(refusal, until: nil)
    }
  }

  /// The probe was sent.
  public mutating func probeSent() {
    guard case .open(let refusal, _) = state else {
      preconditionFailure("A probe is sent only while the breaker is open.")
    }
    state = .probing(refusal)
  }

  /// A call was answered 401 or 403.
  ///
  /// - Returns: whether this opened a closed breaker.
  public mutating func refused(
    httpStatus: Int?, wasProbe: Bool, at now: Timestamp, backoff: Backoff, random: inout SplitMix64
  ) -> Bool {
    switch state {
    case .closed:
      let refusal = Refusal(since: now, count: 1, httpStatus: httpStatus)
      state = .open(refusal, probeAt: now + backoff.delay(failures: 1, random: &random))
      return true
    case .open:
      return false
    case .probing(var refusal):
      guard wasProbe else { return false }
      refusal.count += 1
      refusal.httpStatus = httpStatus
      state = .open(refusal, probeAt: now + backoff.delay(failures: refusal.count, random: &random))
      return false
    }
  }

  /// A call was answered in a way that shows the credential to work (2xx, 400, 404, 422).
  ///
  /// - Returns: whether this closed an open breaker.
  @discardableResult
  public mutating func worked() -> Bool {
    if case .closed = state { return false }
    state = .closed
    return true
  }

  /// The probe came to nothing that tells of the credential (a 5xx, a 429, a time-out, a partition given up).
  public mutating func probeInconclusive(at now: Timestamp, backoff: Backoff, random: inout SplitMix64) {
    guard case .probing(let refusal) = state else { return }
    state = .open(refusal, probeAt: now + backoff.delay(failures: refusal.count, random: &random))
  }
}
