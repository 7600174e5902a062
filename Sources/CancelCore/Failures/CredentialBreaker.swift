import CancelContract

/// Stops calls with a credential that the API refuses (401, 403), and lets one probe at a time find out when it works
/// again.
///
/// A refusal that may be somebody else's than the API's is not believed by itself: calls wait, and the answer to one
/// probe confirms or refutes it.
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
    /// Whether the API said so in its own words, or a second answer confirmed the first.
    public var isConfirmed: Bool
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

  /// The refusal that is believed, where there is one.
  public var confirmedRefusal: Refusal? { refusal.flatMap { $0.isConfirmed ? $0 : nil } }

  /// The state as it is reported: a refusal that is not confirmed is none yet.
  public var reportedState: State { confirmedRefusal == nil ? .closed : state }

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

  /// The API refused the credential in its answer to a call.
  ///
  /// - Parameter isUncertain: whether the refusal may be somebody else's, so that it takes a second one.
  /// - Returns: whether a refusal is believed from now on that was not before.
  public mutating func refused(
    httpStatus: Int?, isUncertain: Bool, wasProbe: Bool, at now: Timestamp, backoff: Backoff,
    random: inout SplitMix64
  ) -> Bool {
    switch state {
    case .closed:
      let refusal = Refusal(since: now, count: 1, httpStatus: httpStatus, isConfirmed: !isUncertain)
      state = .open(refusal, probeAt: now + backoff.delay(failures: 1, random: &random))
      return !isUncertain
    case .open(var refusal, let probeAt):
      // a call that was sent before the first refusal confirms nothing, unless it is certain by itself
      guard !refusal.isConfirmed, !isUncertain else { return false }
      refusal.isConfirmed = true
      refusal.httpStatus = httpStatus
      state = .open(refusal, probeAt: probeAt)
      return true
    case .probing(var refusal):
      let isNews = !refusal.isConfirmed
      guard wasProbe || isNews && !isUncertain else { return false }
      refusal.isConfirmed = true
      refusal.httpStatus = httpStatus
      if wasProbe {
        refusal.count += 1
        state = .open(refusal, probeAt: now + backoff.delay(failures: refusal.count, random: &random))
      } else {
        state = .probing(refusal)
      }
      return isNews
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

  /// The clock was set: every time keeps its distance to the present.
  mutating func clockStepped(by step: Duration) {
    switch state {
    case .closed: break
    case .open(var refusal, var probeAt):
      refusal.since.clockStepped(by: step)
      probeAt.clockStepped(by: step)
      state = .open(refusal, probeAt: probeAt)
    case .probing(var refusal):
      refusal.since.clockStepped(by: step)
      state = .probing(refusal)
    }
  }
}
