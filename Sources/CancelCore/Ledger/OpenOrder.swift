import CancelContract

/// An order with at least one unanswered request.
struct OpenOrder: Sendable {
  /// What the order waits for.
  enum Stage: Sendable {
    /// A decision on what to do with it. Followed by `waiting`, or the order is closed.
    case arriving
    /// A turn in this key's queue. Followed by `inFlight` or `held`, or the order is closed.
    case waiting(QuotaKey)
    /// The time of its next attempt with this key. Followed by `waiting` or `held`, or the order is closed.
    case backingOff(QuotaKey, until: Timestamp)
    /// The answer to this call. Followed by `waiting` (429), `backingOff` (a passing fault) or `held`, or the order is
    /// settled or closed.
    case inFlight(CallID)
    /// Its partition's next owner: neither sent nor expired here. Followed by nothing.
    case suspended
  }

  let ref: OrderRef
  /// The unanswered requests in order of arrival; the first is the one that the others duplicate.
  var requests: [OpenRequest]
  var stage = Stage.arriving
  /// The most urgent of its requests' priorities, the earliest of their deadlines, and the order's arrival.
  var rank: CallRank
  /// The rank with which it stands in its key's queue, while it waits.
  var queuedRank: CallRank?
  /// When its entry among the engine's order timers is due.
  var timerAt = Timestamp.distantFuture
  /// What its requesters were told of the wait.
  var wait = WaitWatch()
  /// Calls that count as attempts.
  var attempts = 0
  /// Failed attempts in a row, which set the backoff.
  var failures = 0
  /// The calls, in order.
  var sends: [Send] = []
  /// Calls of an earlier life of the order that may still hold slots.
  var earlierSends: [Send] = []
  var lastHTTPStatus: Int?
  /// The last fault in words, for the problem if nothing better comes.
  var lastFault: String?
  /// Whether a call was sent whose answer never came.
  var outcomeUnknown = false
  /// Whether a 429 ever delayed it.
  var throttled = false
  /// Whether its ledger record is not what its state is.
  var isChanged = false
  /// How its requests are spread over ledger records; `nil` while one record holds them all.
  var pieces: RequestPieces?

  init(ref: OrderRef, requests: [OpenRequest], arrival: UInt64) {
    self.ref = ref
    self.requests = requests
    rank = CallRank(priority: .routine, deadline: .distantFuture, arrival: arrival)
    renewRank()
  }

  /// The calls' most recent and first ones, at most this many, are kept: an order that fails for days needs no more.
  static let mostSends = 1000

  var firstSentAt: Timestamp? { sends.first?.sentAt }

  /// Takes another request; a ledger record is to hold `sizeLimit` bytes of requests.
  mutating func attach(_ request: OpenRequest, sizeLimit: Int) {
    if pieces == nil { pieces = RequestPieces(of: requests, sizeLimit: sizeLimit) }
    pieces?.append(request)
    requests.append(request)
    rank.priority = max(rank.priority, request.received.request.priority)
    rank.deadline = min(rank.deadline, request.deadline)
  }

  /// Takes out the requests whose deadline has passed, in their order.
  mutating func removeExpired(at now: Timestamp) -> [OpenRequest] {
    let expired = requests.filter { $0.deadline <= now }
    guard !expired.isEmpty else { return [] }
    pieces?.remove(from: requests) { $0.deadline <= now }
    requests.removeAll { $0.deadline <= now }
    renewRank()
    return expired
  }

  /// Adds a call that is sent, and forgets one from the middle where there are too many.
  ///
  /// - Returns: its index.
  mutating func addSend(_ send: Send) -> Int {
    if sends.count >= OpenOrder.mostSends { sends.remove(at: OpenOrder.mostSends / 2) }
    sends.append(send)
    return sends.count - 1
  }

  /// Sets the rank to what its requests ask for.
  mutating func renewRank() {
    rank.priority = .routine
    rank.deadline = .distantFuture
    for request in requests {
      rank.priority = max(rank.priority, request.received.request.priority)
      rank.deadline = min(rank.deadline, request.deadline)
    }
  }

  /// A call that was in flight when the worker ended may have reached the API; it counts as sent and unanswered.
  ///
  /// - Returns: whether there was one.
  mutating func closeInterruptedCalls(at now: Timestamp, callTimeout: Duration) -> Bool {
    guard sends.contains(where: { $0.answeredAt == nil }) else { return false }
    for index in sends.indices where sends[index].answeredAt == nil {
      sends[index].answeredAt = max(sends[index].sentAt, min(now, sends[index].sentAt + callTimeout))
      attempts += 1
      outcomeUnknown = true
      lastFault = "the worker was stopped while a call was in flight"
    }
    return true
  }
}

/// An unanswered request.
struct OpenRequest: Hashable, Sendable {
  var received: ReceivedRequest
  var deadline: Timestamp
  /// Progress events sent so far.
  var progressEvents: UInt32 = 0
}

/// A call to the API, by the engine's count.
public struct CallID: Hashable, Sendable {
  let number: UInt64
}
