import CancelContract
import CancelService
import FoundationEssentials

/// What `/status` says and the live page shows. Times are in seconds; nothing in it is secret.
struct StatusDocument: Encodable {
  struct Reason: Encodable {
    var code: String
    var detail: String
  }

  struct Totals: Encodable {
    var received: Int
    var calls: Int
    var results: Int
    var duplicates: Int
    var outcomes: [String: Int]
  }

  struct Key: Encodable {
    var key: String
    var environment: String
    var accounts: [String]
    var moreAccounts: Int
    var freeCalls: Int?
    var limit: Int?
    var nextFreeCallSeconds: Double
    var blockedSeconds: Double?
    var breaker: String
    var refusedForSeconds: Double?
    var waiting: Int
    var inFlight: Int
  }

  var at: String
  var version: String
  var instance: String
  var uptimeSeconds: Double
  var state: String
  var ready: Bool
  var notReady: [Reason]
  var apiOutForSeconds: Double?
  var oldestUnansweredSeconds: Double?
  var callsInFlight: Int
  var pending: [String: Int]
  var openOrders: Int
  var rememberedOrders: Int
  var partitions: [Int32]
  var lag: [String: Int64]
  var totals: Totals
  var keyCount: Int
  var refusedKeys: Int
  var exhaustedKeys: Int
  var keys: [Key]

  /// - Parameter maxKeys: the most user keys that are listed, the neediest first.
  init(_ snapshot: WorkerSnapshot, totals: LiveFeed.Totals, maxKeys: Int) {
    let now = snapshot.takenAt
    at = now.rfc3339
    version = snapshot.version
    instance = snapshot.instance
    uptimeSeconds = (now - snapshot.startedAt).secondsRounded
    state = snapshot.state.rawValue
    ready = snapshot.isReady
    notReady = snapshot.notReady.map { Reason(code: $0.code, detail: $0.detail) }
    apiOutForSeconds = snapshot.apiOutSince.map { (now - $0).secondsRounded }
    oldestUnansweredSeconds = snapshot.oldestUnanswered == nil ? nil : snapshot.oldestUnansweredAge.secondsRounded
    callsInFlight = snapshot.callsInFlight
    pending = Dictionary(uniqueKeysWithValues: Priority.allCases.map { ($0.name, snapshot.pending[$0] ?? 0) })
    openOrders = snapshot.openOrders
    rememberedOrders = snapshot.rememberedOrders
    partitions = snapshot.assignedPartitions.sorted()
    lag = Dictionary(uniqueKeysWithValues: snapshot.lag.map { (String($0.key), $0.value) })
    self.totals = Totals(totals)
    keyCount = snapshot.keys.count
    refusedKeys = snapshot.keys.count { $0.breaker != .closed }
    exhaustedKeys = snapshot.keys.count { $0.isExhausted(at: now) }
    keys = snapshot.neediestKeys.prefix(maxKeys).map { Key($0, at: now) }
  }

  var json: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(self)).map(Array.init) ?? Array("{}".utf8)
  }
}

extension StatusDocument.Totals {
  init(_ totals: LiveFeed.Totals) {
    received = totals.received
    calls = totals.calls
    results = totals.results
    duplicates = totals.duplicates
    outcomes = Dictionary(
      uniqueKeysWithValues: CancelOutcome.allCases.map { ($0.name, totals.byOutcome[Int($0.rawValue)]) })
  }
}

extension StatusDocument.Key {
  init(_ key: KeySnapshot, at now: Timestamp) {
    let names = key.accounts.map(\.description).sorted()
    self.key = key.digest
    environment = key.environment
    accounts = names.prefix(3).map { String($0.prefix(64)) }
    moreAccounts = max(0, names.count - 3)
    freeCalls = key.freeCalls
    limit = key.limit
    nextFreeCallSeconds = key.wait(at: now).secondsRounded
    blockedSeconds = key.blockedUntil.flatMap { $0 > now ? ($0 - now).secondsRounded : nil }
    breaker = key.breaker.rawValue
    refusedForSeconds = key.refusedSince.map { (now - $0).secondsRounded }
    waiting = key.waiting
    inFlight = key.inFlight
  }
}

extension Duration {
  /// Seconds, to the millisecond.
  var secondsRounded: Double { (Double(microseconds) / 1000).rounded() / 1000 }
}

extension Timestamp {
  /// `2025-01-31T12:00:00.123Z`.
  fileprivate var rfc3339: String {
    Date(timeIntervalSince1970: Double(microseconds) / 1e6)
      .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}

/// What `/readyz` says.
struct ReadinessDocument: Encodable {
  struct Reason: Encodable {
    var code: String
    var detail: String
  }

  var ready: Bool
  var state: String
  var reasons: [Reason]

  init(_ snapshot: WorkerSnapshot) {
    ready = snapshot.isReady
    state = snapshot.state.rawValue
    reasons = snapshot.notReady.map { Reason(code: $0.code, detail: $0.detail) }
  }

  var json: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(self)).map(Array.init) ?? Array("{}".utf8)
  }
}

/// New results, as an event of the live page: the last few of them and how many more there were.
struct ResultsDocument: Encodable {
  struct Line: Encodable {
    var at: Double
    var order: String?
    var account: String?
    var outcome: String
    var httpStatus: Int?
    var attempts: Int
    var deduplicated: Bool
    var totalSeconds: Double
  }

  var lines: [Line]
  var more: Int

  init(_ news: LiveFeed.News) {
    lines = news.entries.map { entry in
      let result = entry.result
      return Line(
        at: Double(entry.publishedAt.microseconds / 1000),
        order: result.orderID?.description,
        account: result.account.map { String($0.description.prefix(64)) },
        outcome: result.outcome.name,
        httpStatus: result.httpStatus,
        attempts: result.attempts,
        deduplicated: result.deduplicated,
        totalSeconds: max(entry.publishedAt - result.stages.produced, .zero).secondsRounded)
    }
    more = news.more
  }

  var json: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(self)).map(Array.init) ?? Array("{}".utf8)
  }
}
