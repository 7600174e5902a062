import CancelContract
import FoundationEssentials

/// An order with at least one unanswered request.
struct OpenOrder: Sendable {
  /// What the order waits for.
  enum Stage: Sendable {
    /// A place in its key's queue. Followed by `waiting`.
    case arriving
    /// A turn in this key's queue. Followed by `inFlight`.
    case waiting(QuotaKey)
    /// The time of its next attempt. Followed by `waiting`.
    case backingOff(until: Timestamp)
    /// The answer to this call. Followed by `waiting` (429), `backingOff` (a passing fault), or the order is settled.
    case inFlight(CallID)
  }

  /// The unanswered requests in order of arrival, at least one; the first is the one that the others duplicate.
  var requests: [OpenRequest]
  /// What the requests that were ever attached take in the order's record, at most.
  var requestBytes: Int
  var stage = Stage.arriving
  /// The rank of its entry in the queue.
  var rank: CallRank
  /// When its entry among the engine's order timers is due.
  var timerAt = Timestamp.distantFuture
  /// When its wait is looked at next, for a progress event; `nil` until that is planned.
  var progressCheckAt: Timestamp?
  /// Calls that count as attempts.
  var attempts = 0
  /// Failed attempts in a row, which set the backoff.
  var failures = 0
  /// Every call, in order.
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
  /// Whether the ledger may hold a record of it.
  var inLedger = false

  var firstSentAt: Timestamp? { sends.first?.sentAt }

  /// The most urgent of its requests' priorities.
  var priority: Priority {
    requests.contains { $0.received.request.priority == .killSwitch } ? .killSwitch : .routine
  }

  /// The earliest of its requests' deadlines.
  var deadline: Timestamp {
    requests.reduce(.distantFuture) { min($0, $1.deadline) }
  }
}

/// An unanswered request.
struct OpenRequest: Hashable, Sendable {
  var received: ReceivedRequest
  var deadline: Timestamp
  /// Progress events sent so far.
  var progressEvents: UInt32 = 0

  /// What it takes in the order's record, at most.
  var bytes: Int {
    let request = received.request
    let texts = [
      request.cancelID, request.account?.description, request.reason, request.campaignID, received.source.topic,
      request.origin?.system, request.origin?.actor, request.origin?.algorithm, request.origin?.desk,
    ]
    let headers = received.echoedHeaders.reduce(0) { $0 + $1.name.utf8.count + ($1.value?.count ?? 0) + 12 }
    return texts.reduce(128) { $0 + ($1?.utf8.count ?? 0) + 4 } + (request.context?.utf8.count ?? 0)
      + (received.key?.count ?? 0) + headers
  }
}

extension OpenOrder {
  /// Beyond this no further request is attached: an order is one record, which brokers take up to 1 MB by default.
  static let mostRequestBytes = 700_000

  /// When the last slot that its calls hold is free again; `nil` where they hold none at `now`.
  static func lastRelease(of sends: [Send], window: Duration, at now: Timestamp) -> Timestamp? {
    let releases = sends.lazy.filter(\.holdsSlot).compactMap(\.answeredAt).map { $0 + window }
    guard let last = releases.max(), last > now else { return nil }
    return last
  }
}

/// One call to the API, as the ledger remembers it.
struct Send: Hashable, Sendable {
  var requestID: UUID
  var sentAt: Timestamp
  /// When its answer came or was given up; `nil` while in flight.
  var answeredAt: Timestamp?
  /// Whether it holds a slot of the quota's window until one window after `answeredAt`.
  var holdsSlot = true
}

/// A call to the API, by the engine's count.
public struct CallID: Hashable, Sendable {
  let number: UInt64
}
