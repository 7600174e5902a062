import CancelContract

/// One user key at one moment.
public struct KeyGauges: Sendable {
  /// The key's number.
  public var key: QuotaKey
  /// Calls allowed in a window; `nil` for no limit.
  public var limit: Int?
  /// Calls that may be sent at once; `nil` for no limit.
  public var free: Int?
  /// When the next slot is free, where none is now.
  public var nextFreeAt: Timestamp?
  /// Until when a 429 forbids calls.
  public var blockedUntil: Timestamp?
  /// Whether the credential is believed to work.
  public var breaker: CredentialBreaker.State
  /// Orders that wait for the key.
  public var waiting: Int
  /// Its calls in flight.
  public var inFlight: Int
}

/// What an engine has to do at one moment.
public struct EngineGauges: Sendable {
  /// Open requests by priority.
  public var pending: [Priority: Int] = [.routine: 0, .killSwitch: 0]
  /// When the oldest open request was produced.
  public var oldestProducedAt: Timestamp?
  /// Every user key.
  public var keys: [KeyGauges] = []
  /// Since when the API as a whole is out.
  public var apiOutSince: Timestamp?
}

extension CancelEngine {
  /// Counts what is open and what holds it back; O(n) in the open orders and the keys.
  public func gauges(at now: Timestamp) -> EngineGauges {
    var gauges = EngineGauges()
    gauges.apiOutSince = apiGate.outSince
    for partition in partitions.values where partition.phase != .restoring {
      for order in partition.open.values {
        for request in order.requests {
          gauges.pending[request.received.request.priority, default: 0] += 1
          gauges.oldestProducedAt = min(gauges.oldestProducedAt ?? .distantFuture, request.received.producedAt)
        }
      }
    }
    for result in results + (committing?.results ?? []) {
      gauges.oldestProducedAt = min(gauges.oldestProducedAt ?? .distantFuture, result.stages.produced)
    }
    gauges.keys = keys.enumerated().map { index, state in
      let free = state.quota.free(at: now)
      return KeyGauges(
        key: QuotaKey(index: index), limit: state.quota.limit, free: free,
        nextFreeAt: free == 0 ? state.quota.releaseTimes.first : nil, blockedUntil: state.quota.blocked(at: now),
        breaker: state.breaker.state, waiting: state.waiting, inFlight: state.inFlight)
    }
    return gauges
  }
}
