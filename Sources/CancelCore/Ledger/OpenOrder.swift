import CancelContract

/// An order with at least one unanswered request.
struct OpenOrder: Sendable {
  /// What the order waits for.
  enum Stage: Sendable {
    /// A decision on what to do with it. Followed by `waiting` or `held`, or the order is closed.
    case arriving
    /// A turn in this key's queue. Followed by `inFlight` or `suspended`, or the order is closed.
    case waiting(QuotaKey)
    /// The time of its next attempt with this key. Followed by `waiting` or `suspended`, or the order is closed.
    case backingOff(QuotaKey, until: Timestamp)
    /// The answer to this call. Followed by `waiting` (429), `backingOff` (a passing fault) or `suspended`, or the order is
    /// settled or closed.
    case inFlight(CallID)
    /// That operators let this key's order go. Followed by `waiting` or `suspended`, or the order is closed.
    case held(QuotaKey)
    /// Its partition's next owner: neither sent nor expired here. Followed by nothing.
    case suspended
  }

  let ref: OrderRef
  /// The unanswered requests in order of arrival; the first is the one that the others duplicate.
  var requests: [OpenRequest]
  var stage = Stage.arriving
  /// The most urgent of its requests' priorities, the earliest of their deadlines, and the order's arrival.
  var rank: CallRank
  /// The rank with which it is in its key's queue, while it waits.
  var queuedRank: CallRank?
  /// When it began to wait in its key's queue, with the priority that it has. Not kept over a restart.
  var queuedAt = Timestamp.distantPast
  /// When its entry among the engine's order timers is due.
  var timerAt = Timestamp.distantFuture
  /// What was published about the wait.
  var wait = WaitWatch()
  /// Calls that count as attempts.
  var attempts = 0
  /// Failed attempts in a row, which set the backoff.
  var failures = 0
  /// Faults of single connections in a row; not kept over a restart.
  var connectionFaults = 0
  /// The calls, in order.
  var sends: [Send] = []
  /// Calls of an earlier life of the order that may still hold slots.
  var earlierSends: [Send] = []
  var lastHTTPStatus: Int?
  /// The last fault in words, for the problem if nothing better comes.
  var lastFault: String?
  /// Whether a call was sent whose answer never came.
  var outcomeUnknown = false
  /// Whether a call may have been sent that no record tells of. Not kept: each owner finds it anew.
  var mayHaveEarlierCall = false
  /// Whether a 429 ever delayed it.
  var throttled = false
  /// What was remembered of the order when a sweep began to cancel it again. Not kept over a restart.
  var earlierMemory: RememberedRecord?
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

  /// How often in a row a fault of one connection is followed by another call at once.
  static let mostRetriesAtOnce = 2

  var firstSentAt: Timestamp? { sends.first?.sentAt }

  /// The largest offset of its requests, but for those that a sweep made.
  var lastOffset: Int64? {
    var last: Int64?
    // By place: a request is not worth a copy for its offset.
    for index in requests.indices where requests[index].received.request.details.sweptBy == nil {
      last = max(last ?? .min, requests[index].received.source.offset)
    }
    return last
  }

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
  /// Whether a sweep cancels the order again after it had its result: of this end only the sweep hears.
  var isRepetition = false
}

/// A call to the API, by the engine's count.
public struct CallID: Hashable, Sendable {
  let number: UInt64
}

/// How the requests of one order are spread over several ledger records, so that none outgrows what Kafka takes.
///
/// The order's own record holds the first piece; each further one has a record of its own, under a key with its number.
/// A piece holds requests that follow each other, and is written again only when it changed. What the pieces hold
/// together is what is open, so a restored order needs no count of them.
struct RequestPieces: Sendable {
  struct Piece: Sendable {
    /// 0 for the order's own record.
    var number: Int
    /// Its requests.
    var count = 0
    /// An upper bound of its requests' encoded size.
    var size = 0
    /// Whether its ledger record is not what it holds.
    var isChanged = true
  }

  /// A piece is closed when it would get larger than this, in bytes; a single request may be larger.
  let sizeLimit: Int
  /// In ascending order; the first is number 0.
  private(set) var pieces = [Piece(number: 0)]

  init(of requests: [OpenRequest], sizeLimit: Int) {
    self.sizeLimit = sizeLimit
    for request in requests { append(request) }
  }

  /// The pieces as they were restored.
  init(restored: [(number: Int, requests: [OpenRequest])], sizeLimit: Int) {
    self.sizeLimit = sizeLimit
    pieces = restored.map { number, requests in
      Piece(
        number: number, count: requests.count, size: requests.reduce(0) { $0 + $1.largestEncodedSize },
        isChanged: false)
    }
  }

  /// The numbers of the records beside the order's own.
  var extraNumbers: [Int] { pieces.dropFirst().filter { $0.count > 0 }.map(\.number) }

  /// The requests in the order's own record.
  var inOwnRecord: Int { pieces.first?.count ?? 0 }

  /// Makes room for one more request after the last.
  mutating func append(_ request: OpenRequest) {
    let size = request.largestEncodedSize
    let last = pieces.count - 1
    if pieces[last].count > 0, pieces[last].size + size > sizeLimit {
      pieces.append(Piece(number: pieces[last].number + 1, count: 1, size: size))
    } else {
      pieces[last].count += 1
      pieces[last].size += size
      pieces[last].isChanged = true
    }
  }

  /// Takes out those of `requests` that `isRemoved` says.
  mutating func remove(from requests: [OpenRequest], where isRemoved: (OpenRequest) -> Bool) {
    var start = 0
    for index in pieces.indices {
      let end = start + pieces[index].count
      for request in requests[start..<end] where isRemoved(request) {
        pieces[index].count -= 1
        pieces[index].size -= request.largestEncodedSize
        pieces[index].isChanged = true
      }
      start = end
    }
    let last = pieces.last?.number
    pieces.removeAll { $0.count == 0 && $0.number != 0 && $0.number != last }
  }

  /// Has every piece written again.
  mutating func markAllChanged() {
    for index in pieces.indices { pieces[index].isChanged = true }
  }

  /// The pieces beside the order's own record that have to be written, each with its requests' range; they count as
  /// written from then on.
  mutating func drainChanged() -> [(number: Int, range: Range<Int>)] {
    var changed: [(number: Int, range: Range<Int>)] = []
    var start = 0
    for index in pieces.indices {
      let end = start + pieces[index].count
      if pieces[index].isChanged && pieces[index].number != 0 && pieces[index].count > 0 {
        changed.append((pieces[index].number, start..<end))
      }
      pieces[index].isChanged = false
      start = end
    }
    return changed
  }
}

/// One order: what deduplication is keyed on.
///
/// An order id names an order only within its account's environment, so the account is part of the key: a request under
/// another account is never answered from this one's outcome.
struct OrderKey: Hashable, Comparable, Sendable {
  /// The order's id.
  var orderID: Int64
  /// The account, by its number in the engine's `AccountTable`.
  var account: AccountNumber

  static func < (left: OrderKey, right: OrderKey) -> Bool {
    (left.orderID, left.account.index) < (right.orderID, right.account.index)
  }
}

/// One order within one partition of the requests, and of the ledger.
struct OrderRef: Hashable, Sendable {
  var key: OrderKey
  var partition: Int32
}
