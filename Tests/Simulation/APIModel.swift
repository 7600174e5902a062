import CancelCore
import CancelContract

/// The API: an exact rolling quota per user key, orders that are there or not, another user of the key, and faults.
struct APIModel {
  enum Reply {
    /// The answer, to arrive after a delay.
    case answer(CancelAnswer)
    /// The call was seen, and no answer comes.
    case silence
    /// The call was not seen: the connection failed.
    case unreachable
  }

  let limit: Int
  let window: Duration
  /// Parts of a thousand of the calls that meet a fault.
  var faults = 0
  var isOut = false
  var refusedKeys: Set<Int> = []
  /// When each order was cancelled.
  private(set) var cancelledAt: [Int64: [Timestamp]] = [:]
  private(set) var throttled = 0
  private(set) var calls = 0
  private var counted: [Int: [Timestamp]] = [:]

  init(limit: Int, window: Duration) {
    self.limit = limit
    self.window = window
  }

  /// Every fifth order is unknown.
  static func exists(_ order: Int64) -> Bool { order % 5 != 0 }

  /// The orders that a key's portfolio lists: those that exist and were never cancelled.
  func pendingOrders(of key: Int) -> [OrderID] {
    (1...18).map { Int64($0 + 100 * key) }
      .filter { APIModel.exists($0) && cancelledAt[$0] == nil }
      .compactMap { OrderID($0) }
  }

  mutating func call(_ order: Int64, key: Int, at now: Timestamp, using random: inout SplitMix64) -> Reply {
    let chance = Int.random(in: 0..<1000, using: &random)
    if chance < faults / 3 { return .unreachable }
    calls += 1
    if refusedKeys.contains(key) { return .answer(APIModel.problem(.credentialRefused, 401)) }
    let used = count(key, at: now)
    guard used < limit else {
      throttled += 1
      let wait = (counted[key]?.first ?? now) + window - now
      var answer = APIModel.problem(.throttled, 429)
      answer.rateLimit = RateLimit(limit: limit, remaining: 0, resetAfter: wait, retryAfter: wait)
      return .answer(answer)
    }
    counted[key, default: []].append(now)
    if isOut { return .answer(APIModel.problem(.transient, 503)) }
    if chance < faults * 2 / 3 { return .silence }
    if APIModel.exists(order) { cancelledAt[order, default: []].append(now) }
    if chance < faults { return .silence }
    guard APIModel.exists(order) else { return .answer(APIModel.problem(.rejected, 404)) }
    return .answer(CancelAnswer(kind: .accepted, httpStatus: 200, token: "token-\(order)"))
  }

  /// Somebody else uses the key.
  mutating func foreignCall(_ key: Int, at now: Timestamp) {
    if count(key, at: now) < limit { counted[key, default: []].append(now) }
  }

  private mutating func count(_ key: Int, at now: Timestamp) -> Int {
    counted[key]?.removeAll { $0 + window <= now }
    return counted[key]?.count ?? 0
  }

  static func problem(_ kind: CancelAnswer.Kind, _ status: Int?) -> CancelAnswer {
    CancelAnswer(
      kind: kind, httpStatus: status,
      problem: Problem(status == nil ? .apiUnreachable : .apiStatus, detail: "simulated", status: status))
  }
}
