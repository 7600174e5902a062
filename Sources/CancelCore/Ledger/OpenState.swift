/// What the ledger holds of an open order.
struct OpenState: Hashable, Sendable {
  /// The requests in the order's own record; the pieces beside it hold the others.
  var requests: [OpenRequest]
  var attempts = 0
  var failures = 0
  var sends: [Send] = []
  var earlierSends: [Send] = []
  var lastHTTPStatus: Int?
  var lastFault: String?
  var outcomeUnknown = false
  var throttled = false
}

extension OpenOrder {
  /// What the order's own record is to hold.
  var state: OpenState {
    OpenState(
      requests: pieces.map { Array(requests.prefix($0.inOwnRecord)) } ?? requests,
      attempts: attempts,
      failures: failures,
      sends: sends,
      earlierSends: earlierSends,
      lastHTTPStatus: lastHTTPStatus,
      lastFault: lastFault,
      outcomeUnknown: outcomeUnknown,
      throttled: throttled
    )
  }

  /// An order as its own record holds it; its arrival is counted when its partition is restored.
  init(ref: OrderRef, restoring state: OpenState) {
    self.init(ref: ref, requests: state.requests, arrival: 0)
    attempts = state.attempts
    failures = state.failures
    sends = state.sends
    earlierSends = state.earlierSends
    lastHTTPStatus = state.lastHTTPStatus
    lastFault = state.lastFault
    outcomeUnknown = state.outcomeUnknown
    throttled = state.throttled
  }
}
