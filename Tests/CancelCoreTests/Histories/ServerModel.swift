import CancelContract
import CancelCore

/// The API: an exact rolling quota per user key, orders that are there or not, and its faults.
struct ServerModel {
  enum Reply {
    /// The answer comes.
    case answer(CancelAnswer)
    /// Nothing comes until the caller gives up.
    case silence
  }

  let limit: Int
  let window: Duration
  /// Whether its answers tell what is left of the quota.
  var tellsRemaining = true
  /// Parts of a thousand of the calls that meet a fault.
  var faults = 0
  /// Keys that it refuses.
  var refusedKeys: Set<QuotaKey> = []
  private(set) var cancelled: Set<Int64> = []
  private(set) var throttled = 0
  private(set) var accepted: [QuotaKey: [Timestamp]] = [:]

  /// Every third order is unknown.
  static func exists(_ order: Int64) -> Bool { order % 3 != 0 }

  mutating func arrive(_ order: Int64, _ key: QuotaKey, at now: Timestamp, using random: inout SplitMix64) -> Reply {
    if refusedKeys.contains(key) { return .answer(.refused) }
    let used = count(key, at: now)
    guard used < limit else {
      throttled += 1
      let oldest = accepted[key]?[max(0, (accepted[key]?.count ?? 0) - limit)] ?? now
      let wait = oldest + window - now
      let told = tellsRemaining || Bool.random(using: &random)
      return .answer(
        .make(
          .throttled, 429,
          rateLimit: RateLimit(limit: limit, remaining: 0, resetAfter: wait, retryAfter: told ? wait : nil)))
    }
    accepted[key, default: []].append(now)
    let rateLimit = tellsRemaining ? RateLimit(limit: limit, remaining: limit - used - 1) : nil
    if Int.random(in: 0..<1000, using: &random) < faults {
      switch Int.random(in: 0..<3, using: &random) {
      case 0: return .answer(.make(.transient, 503, rateLimit: rateLimit))
      case 1: return .silence
      default:
        if ServerModel.exists(order) { cancelled.insert(order) }
        return .silence
      }
    }
    guard ServerModel.exists(order) else { return .answer(.make(.rejected, 404, rateLimit: rateLimit)) }
    cancelled.insert(order)
    return .answer(.accepted(token: "token-\(order)", rateLimit: rateLimit))
  }

  /// A call of somebody else with the same key.
  mutating func foreignCall(_ key: QuotaKey, at now: Timestamp) -> Bool {
    guard count(key, at: now) < limit else { return false }
    accepted[key, default: []].append(now)
    return true
  }

  /// Calls in the window that ends now.
  func count(_ key: QuotaKey, at now: Timestamp) -> Int {
    (accepted[key] ?? []).reversed().prefix { $0 + window > now }.count
  }
}
