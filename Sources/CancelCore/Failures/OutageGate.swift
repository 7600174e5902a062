import CancelContract

/// Holds calls back while whatever they go to is out, probes it with growing delays, and opens step by step when it
/// returns, so that its return is not met by a stampede.
///
/// One stands before the API as a whole, one before each user key.
public struct OutageGate: Sendable {
  /// How much may pass.
  public enum State: Sendable {
    /// Everything; `failures` in a row so far, with these keys. Followed by `out`.
    case healthy(failures: Int, keys: Set<QuotaKey>)
    /// One probe at `probeAt`, nothing else. Followed by `probing`.
    case out(since: Timestamp, failures: Int, probeAt: Timestamp)
    /// A probe is on its way. Followed by `recovering` or `out`.
    case probing(since: Timestamp, failures: Int)
    /// At most `limit` in flight, doubled by each success. Followed by `healthy` or `out`.
    case recovering(limit: Int, since: Timestamp, failures: Int)
  }

  /// The present state.
  public private(set) var state = State.healthy(failures: 0, keys: [])
  /// Calls that passed and are not answered.
  public private(set) var inFlight = 0

  private let threshold: Int
  private let keysNeeded: Int
  private static let healthyFrom = 64

  /// A healthy gate that closes after `threshold` failures in a row, and only when they are of `keysNeeded` keys or
  /// more.
  public init(threshold: Int, keysNeeded: Int) {
    self.threshold = threshold
    self.keysNeeded = keysNeeded
  }

  /// Since when calls are held back; `nil` while healthy.
  public var outSince: Timestamp? {
    switch state {
    case .healthy: nil
    case .out(let since, _, _), .probing(let since, _), .recovering(_, let since, _): since
    }
  }

  /// Whether a probe is on its way.
  public var isProbing: Bool {
    if case .probing = state { true } else { false }
  }

  /// When a probe may pass; `nil` where none is awaited, or only an answer can tell.
  public var nextProbe: Timestamp? {
    if case .out(_, _, let probeAt) = state, inFlight == 0 { probeAt } else { nil }
  }

  /// When a call may pass: `now` or earlier for at once, a time to wait for, or `nil` while only an answer can tell.
  public func opensAt(_ now: Timestamp) -> Timestamp? {
    switch state {
    case .healthy: now
    case .out(_, _, let probeAt): inFlight == 0 ? probeAt : nil
    case .probing: nil
    case .recovering(let limit, _, _): inFlight < limit ? now : nil
    }
  }

  /// A call passes at a time at which `opensAt(_:)` allowed it.
  public mutating func passed() {
    inFlight += 1
    if case .out(let since, let failures, _) = state {
      state = .probing(since: since, failures: failures)
    }
  }

  /// A call that passed was answered in a way that shows the API to work.
  public mutating func succeeded() {
    inFlight -= 1
    switch state {
    case .healthy(let failures, _):
      if failures > 0 { state = .healthy(failures: 0, keys: []) }
    case .out:
      break  // A call from before the outage: the probe decides.
    case .probing(let since, let failures):
      state = .recovering(limit: 2, since: since, failures: failures)
    case .recovering(let limit, let since, let failures):
      state =
        limit * 2 >= OutageGate.healthyFrom
        ? .healthy(failures: 0, keys: [])
        : .recovering(limit: limit * 2, since: since, failures: failures)
    }
  }

  /// A call that passed came to nothing: 5xx, no connection, a time-out.
  public mutating func failed(key: QuotaKey, at now: Timestamp, backoff: Backoff, random: inout SplitMix64) {
    inFlight -= 1
    switch state {
    case .healthy(let failures, var keys):
      if keys.count < keysNeeded { keys.insert(key) }
      if failures + 1 >= threshold && keys.count >= keysNeeded {
        state = .out(since: now, failures: 1, probeAt: now + backoff.delay(failures: 1, random: &random))
      } else {
        state = .healthy(failures: min(failures + 1, threshold), keys: keys)
      }
    case .out:
      break  // A call from before the outage: it says nothing new.
    case .probing(let since, let failures), .recovering(_, let since, let failures):
      let delay = backoff.delay(failures: failures + 1, random: &random)
      state = .out(since: since, failures: failures + 1, probeAt: now + delay)
    }
  }

  /// A call that passed was answered in a way that tells nothing (a 429).
  public mutating func answeredNeutrally(at now: Timestamp) {
    inFlight -= 1
    if case .probing(let since, let failures) = state {
      state = .recovering(limit: 1, since: since, failures: failures)
    }
  }

  /// The clock was set: every time keeps its distance to the present.
  mutating func clockStepped(by step: Duration) {
    switch state {
    case .healthy: break
    case .out(let since, let failures, let probeAt):
      state = .out(since: since.afterClockStep(step), failures: failures, probeAt: probeAt.afterClockStep(step))
    case .probing(let since, let failures):
      state = .probing(since: since.afterClockStep(step), failures: failures)
    case .recovering(let limit, let since, let failures):
      state = .recovering(limit: limit, since: since.afterClockStep(step), failures: failures)
    }
  }
}
