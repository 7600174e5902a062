import CancelContract
import CancelCore
import CancelService
import FoundationEssentials
import Kafka

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
    var waitingKillSwitch: Int
    var waitingRoutine: Int
    /// Orders that an operator holds; they are in neither of the two.
    var held: Int
    var keptForKillSwitch: Int
    /// Seconds until the next call of the priority; 0 for now, `null` while only an answer can tell.
    var nextKillSwitchSeconds: Double?
    var nextRoutineSeconds: Double?
    /// Whether orders of the priority wait because of the quota.
    var killSwitchBlocked: Bool
    var routineBlocked: Bool
    var killSwitchesSentInSeconds: Double?
    var outForSeconds: Double?
    var inFlight: Int
  }

  /// A sweep that is under way.
  struct Sweep: Encodable {
    var cancelId: String
    var campaignId: String
    var accounts: [String]
    var forSeconds: Double
    var deadlineInSeconds: Double
    var firedBySwitch: Bool
    var listed: Int
    var accepted: Int
    var waiting: Int
    var unlistedAccounts: Int
    var endsInSeconds: Double?

    init(_ sweep: SweepGauges, at now: Timestamp) {
      cancelId = sweep.cancelID
      campaignId = sweep.campaignID
      accounts = sweep.accounts.prefix(100).map(\.description)
      forSeconds = max(now - sweep.since, .zero).secondsRounded
      deadlineInSeconds = max(sweep.deadline - now, .zero).secondsRounded
      firedBySwitch = sweep.firedDue != nil
      listed = sweep.counts.listed
      accepted = sweep.counts.accepted
      waiting = sweep.waiting
      unlistedAccounts = sweep.unlisted
      endsInSeconds = sweep.estimatedEnd.map { max($0 - now, .zero).secondsRounded }
    }
  }

  /// A dead-man's switch that is armed.
  struct ArmedSwitch: Encodable {
    var cancelId: String
    var accounts: [String]
    var firesInSeconds: Double

    init(_ armed: SwitchGauges, at now: Timestamp) {
      cancelId = armed.cancelID
      accounts = armed.accounts.prefix(100).map(\.description)
      firesInSeconds = max(armed.due - now, .zero).secondsRounded
    }
  }

  /// An operator's hold.
  struct Hold: Encodable {
    /// `null` for every account.
    var account: String?
    /// `routine` or `all`.
    var extent: String
    var actor: String?
    var reason: String?
    var forSeconds: Double

    init(_ hold: HoldEvent, at now: Timestamp) {
      account = hold.account.map { BoundedText.of($0.description) }
      extent = hold.extent.rawValue
      actor = hold.actor.map { BoundedText.of($0) }
      reason = hold.reason.map { BoundedText.of($0) }
      forSeconds = max(now - hold.at, .zero).secondsRounded
    }
  }

  /// What the worker works with.
  struct Connections: Encodable {
    var api: String
    var brokers: String
    var group: String
  }

  var at: String
  var version: String
  /// The library that is loaded.
  var librdkafka: String
  var instance: String
  var uptimeSeconds: Double
  var state: String
  var ready: Bool
  var notReady: [Reason]
  var apiOutForSeconds: Double?
  var oldestUnansweredSeconds: Double?
  /// `current`, `lastKnown` (of before the partitions were lost) or `unknown` (the ledger is not read).
  var backlog: String
  var backlogAgeSeconds: Double?
  var brokerUnreachableForSeconds: Double?
  var callsInFlight: Int
  /// Open requests by priority; `null` where they are unknown.
  var pending: [String: Int]?
  var oldestOpenSeconds: [String: Double]?
  var unexplainedWaitSeconds: [String: Double]?
  var waitingOrders: [String: Int]
  /// Holds in force, at most 100.
  var holds: [Hold]
  var heldOrders: [String: Int]
  var blockedKeys: [String: Int]
  var killSwitchesSentInSeconds: Double?
  var environments: [String]
  var connections: Connections?
  /// `null` where it is unknown.
  var openOrders: Int?
  var rememberedOrders: Int
  var partitions: [Int32]
  var lag: [String: Int64]
  var totals: Totals
  /// Sweeps under way, at most 100.
  var sweeps: [Sweep]
  /// Armed dead-man's switches, the next to fire first; at most 100.
  var switches: [ArmedSwitch]
  var runningCampaigns: Int
  var unconfirmedOrders: Int
  var keyCount: Int
  var refusedKeys: Int
  var exhaustedKeys: Int
  var keys: [Key]

  /// - Parameter maxKeys: the most user keys that are listed, the neediest first.
  init(
    _ snapshot: WorkerSnapshot, totals: LiveFeed.Totals, maxKeys: Int, connections: AdminSources.Connections? = nil
  ) {
    let now = snapshot.takenAt
    at = now.rfc3339
    version = snapshot.version
    librdkafka = KafkaLibrary.version
    instance = snapshot.instance
    uptimeSeconds = (now - snapshot.startedAt).secondsRounded
    state = snapshot.state.rawValue
    ready = snapshot.isReady
    notReady = snapshot.notReady.map { Reason(code: $0.code, detail: $0.detail) }
    apiOutForSeconds = snapshot.apiOutSince.map { (now - $0).secondsRounded }
    let isKnown = snapshot.backlog != .unknown
    oldestUnansweredSeconds =
      snapshot.oldestUnanswered == nil || !isKnown ? nil : snapshot.oldestUnansweredAge.secondsRounded
    callsInFlight = snapshot.callsInFlight
    switch snapshot.backlog {
    case .current: backlog = "current"
    case .unknown: backlog = "unknown"
    case .lastKnown(let at):
      backlog = "lastKnown"
      backlogAgeSeconds = max(now - at, .zero).secondsRounded
    }
    brokerUnreachableForSeconds = snapshot.brokerUnreachableSince.map { max(now - $0, .zero).secondsRounded }
    func byPriority<Value>(_ value: (Priority) -> Value?) -> [String: Value] {
      var values: [String: Value] = [:]
      for priority in Priority.allCases { values[priority.name] = value(priority) }
      return values
    }
    if isKnown {
      pending = byPriority { snapshot.pending[$0] ?? 0 }
      oldestOpenSeconds = byPriority { snapshot.oldestOpenAge($0)?.secondsRounded }
      unexplainedWaitSeconds = byPriority { (snapshot.unexplainedWait[$0] ?? .zero).secondsRounded }
    }
    waitingOrders = byPriority(snapshot.waitingOrders)
    holds = snapshot.holds.all.prefix(100).map { Hold($0, at: now) }
    heldOrders = byPriority { snapshot.held[$0] ?? 0 }
    blockedKeys = byPriority { priority in snapshot.keys.count { $0.isBlocked(priority) } }
    killSwitchesSentInSeconds = snapshot.killSwitchesSentIn?.secondsRounded
    environments = Set(snapshot.keys.map(\.environment)).sorted()
    self.connections = connections.map {
      Connections(api: $0.api, brokers: $0.brokers, group: $0.consumerGroup)
    }
    openOrders = isKnown ? snapshot.openOrders : nil
    rememberedOrders = snapshot.rememberedOrders
    sweeps = snapshot.rounds.sweeps.prefix(100).map { Sweep($0, at: now) }
    switches = snapshot.rounds.switches.prefix(100).map { ArmedSwitch($0, at: now) }
    runningCampaigns = snapshot.rounds.runningCampaigns
    unconfirmedOrders = snapshot.rounds.unconfirmed
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
    waitingKillSwitch = key.waitingByPriority[.killSwitch] ?? 0
    waitingRoutine = key.waitingByPriority[.routine] ?? 0
    held = key.held
    keptForKillSwitch = key.reserved
    nextKillSwitchSeconds = key.wait(.killSwitch, at: now)?.secondsRounded
    nextRoutineSeconds = key.wait(.routine, at: now)?.secondsRounded
    killSwitchBlocked = key.isBlocked(.killSwitch)
    routineBlocked = key.isBlocked(.routine)
    killSwitchesSentInSeconds = key.killSwitchesSentAt.map { max($0 - now, .zero).secondsRounded }
    outForSeconds = key.outSince.map { max(now - $0, .zero).secondsRounded }
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
    /// Why it was not accepted.
    var reason: String?
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
        reason: result.problem.flatMap { $0.detail ?? $0.title ?? $0.type }.map { BoundedText.of($0, limit: 200) },
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
