import CancelContract

/// A sweep by its place: no two requests share one.
struct SweepRef: Hashable, Comparable, Sendable {
  var partition: Int32
  var offset: Int64

  init(partition: Int32, offset: Int64) {
    self.partition = partition
    self.offset = offset
  }

  /// The sweep that the record there asked for.
  init(_ source: SourceCoordinates) { self.init(partition: source.partition, offset: source.offset) }

  static func < (left: SweepRef, right: SweepRef) -> Bool {
    (left.partition, left.offset) < (right.partition, right.offset)
  }
}

/// A sweep that is under way: for each of its accounts it lists the pending orders, waits until each is answered, and
/// lists again, until a list is empty or the deadline has passed.
struct Sweep: Sendable {
  /// One account's share.
  struct Part: Sendable {
    /// What the account waits for.
    enum Stage: Sendable, Equatable {
      /// Its next list, not before this time. Followed by `listing`, or `ended`.
      case listDue(Timestamp)
      /// This list. Followed by `working`, `listDue` (where it failed) or `ended`.
      case listing(ListID)
      /// The answers for its orders. Followed by `listDue` (also while some are open, to find orders that appeared) or
      /// `ended`.
      case working
      /// Nothing more.
      case ended(Ending)
    }

    /// How an account's share came to its end.
    enum Ending: Sendable, Equatable {
      /// A list that was read after the last cancel was empty.
      case empty
      /// Its orders were listed and counted, as a dry run asks.
      case counted
      /// It can't go on, for this reason.
      case failed(Problem)
    }

    var stage: Stage
    /// Its orders without an answer.
    var open = 0
    /// When it is listed again although orders are open.
    var nextLook = Timestamp.distantPast
    /// Whether none of its orders was open when the present list was asked for: only such a list tells that it is done.
    var isConclusive = true
    /// The orders of the last whole list.
    var lastListed: [OrderID] = []
    var notCancellable = NotCancellable()
    /// Whether a list was ever read to its end.
    var wasListed = false
    /// Lists in a row that failed.
    var failures = 0
    /// Lists in a row that the API refused, as by a 404.
    var refusals = 0
    /// Why the last list failed; `nil` where it did not.
    var lastFault: Problem?
    /// How long it waits before the next list.
    var pause = Sweep.firstPause

    var ending: Ending? {
      guard case .ended(let ending) = stage else { return nil }
      return ending
    }
  }

  /// What is known of one order.
  struct Order: Sendable {
    /// How it was answered; `nil` while its result is open.
    var outcome: CancelOutcome?
    /// Whether a call for it, the first or a repetition, is still to be answered.
    var isOpen = false
    /// When the last call for it was answered.
    var answeredAt = Timestamp.distantPast
  }

  /// The API's list lags behind a cancel by some seconds: an order that is still listed after so long is called for again.
  static let repeatsAfter = Duration.seconds(10)
  /// While orders wait for their calls, the account is listed this often, so that those that appear wait with them.
  static let interval = Duration.seconds(5)
  /// An account whose lists are refused so often in a row is given up.
  static let mostRefusals = 4
  /// The pause before the first list that follows cancels.
  static let firstPause = Duration.milliseconds(250)
  /// Lists that bring nothing new get ever rarer, up to this.
  static let longestPause = Duration.seconds(10)

  let ref: SweepRef
  private(set) var record: SweepRecord
  var parts: [AccountNumber: Part] = [:]
  var orders: [OrderKey: Order] = [:]
  /// Orders' results that are made and not committed.
  var unpublished = 0
  var lists = 0
  /// The switch whose record is to be deleted before the sweep may end; `nil` where there is none.
  var firedSwitch: String?

  init(_ record: SweepRecord, partition: Int32) {
    self.record = record
    ref = SweepRef(partition: partition, offset: record.offset)
  }

  var isDryRun: Bool { record.received.request.isDryRun }

  /// The clock was set: pauses keep their distance to the present. `record` is what the ledger holds from then on.
  mutating func clockStepped(by step: Duration, _ record: SweepRecord) {
    self.record = record
    for account in parts.keys {
      if case .listDue(let time)? = parts[account]?.stage {
        parts[account]?.stage = .listDue(time.afterClockStep(step))
      }
      parts[account]?.nextLook.clockStepped(by: step)
    }
    for order in orders.keys { orders[order]?.answeredAt.clockStepped(by: step) }
  }

  /// Whether every account has come to its end.
  var hasEnded: Bool { parts.values.allSatisfy { $0.ending != nil } }

  /// Orders without an answer.
  var open: Int { parts.values.reduce(0) { $0 + $1.open } }

  /// Orders of the last lists that no acceptance has answered since.
  func remaining(of account: AccountNumber) -> [OrderID] {
    guard let part = parts[account] else { return [] }
    if part.ending == .empty { return [] }
    return part.lastListed
  }

  /// What its own result tells.
  func report(_ names: (AccountNumber) -> AccountName) -> SweepReport {
    let scope: SweepReport.Scope
    switch record.received.request.scope {
    case .account: scope = .account
    case .all: scope = .all
    }
    var report = SweepReport(scope: scope, accounts: record.accounts)
    report.isDryRun = isDryRun
    report.lists = lists
    report.counts.listed = orders.count
    for order in orders.values {
      switch order.outcome {
      case .accepted: report.counts.accepted += 1
      case .rejected: report.counts.rejected += 1
      case .expired: report.counts.expired += 1
      case .failed: report.counts.failed += 1
      case .invalid, .acknowledged, nil: break
      }
    }
    for account in parts.keys.sorted(by: { $0.index < $1.index }) {
      let remaining = remaining(of: account)
      report.counts.remaining += remaining.count
      let room = SweepReport.mostRemainingOrders - report.remainingOrders.count
      report.remainingOrders += remaining.sorted().prefix(room).map {
        SweepReport.Order(orderID: $0, account: names(account))
      }
      report.notCancellable = report.notCancellable + (parts[account]?.notCancellable ?? NotCancellable())
    }
    report.deadMansSwitch = record.firedDue.map { .fired(due: $0) }
    return report
  }
}

/// A reading of an account's orders, by the engine's count.
public struct ListID: Hashable, Sendable {
  let number: UInt64
}

/// What the ledger holds of a sweep that is under way. What it found and answered stands in the orders' own records.
struct SweepRecord: Hashable, Sendable {
  var received: ReceivedSweep
  /// No call is sent after this.
  var deadline: Timestamp
  /// The accounts that it sweeps, by name: the configuration may change while it runs.
  var accounts: [AccountName]
  /// When the dead-man's switch was due that began it; `nil` for a plain sweep.
  var firedDue: Timestamp?

  /// The sweep's number in its partition: the offset of the request that began or armed it.
  var offset: Int64 { received.source.offset }
}

/// What the ledger holds of a dead-man's switch that is armed.
struct SwitchRecord: Hashable, Sendable {
  var received: ReceivedSweep
  /// When the sweep begins, unless it is moved or disarmed.
  var due: Timestamp
}

extension SweepRequest {
  /// What tells one dead-man's switch from another: whose orders, and the sender's own id.
  var switchName: String {
    switch scope {
    case .account(let account):
      let name = account?.description ?? ""
      return "account/\(name.utf8.count)/\(name)/\(cancelID)"
    case .all: return "all/\(cancelID)"
    }
  }
}

extension ByteWriter {
  mutating func sweep(_ record: SweepRecord) {
    received(record.received)
    fixed(record.deadline.microseconds)
    count(record.accounts.count)
    for account in record.accounts { string(account.description) }
    optional(record.firedDue) { $0.fixed($1.microseconds) }
  }

  mutating func deadMansSwitch(_ record: SwitchRecord) {
    received(record.received)
    fixed(record.due.microseconds)
  }

  private mutating func received(_ received: ReceivedSweep) {
    let request = received.request
    identifier(request.cancelID)
    switch request.scope {
    case .account(let account):
      append(0)
      optional(account) { $0.string($1.description) }
    case .all(let accounts, let environment):
      append(1)
      count(accounts.count)
      for account in accounts { string(account.description) }
      optional(environment) { $0.append($1.rawValue) }
    }
    append(request.priority.rawValue)
    switch request.start {
    case .now: append(0)
    case .after(let delay):
      append(1)
      fixed(delay.microseconds)
    case .off: append(2)
    }
    bool(request.isDryRun)
    details(request.details, deadline: request.deadline)
    let plain = RequestEcho(
      cancelID: request.cancelID, source: received.source, key: received.key, echoedHeaders: received.echoedHeaders)
    arrival(of: plain, producedAt: received.producedAt, receivedAt: received.receivedAt)
  }
}

extension ByteReader {
  mutating func sweep() throws(LedgerError) -> SweepRecord {
    SweepRecord(
      received: try receivedSweep(), deadline: try timestamp(), accounts: try accountNames(),
      firedDue: try optionalTimestamp())
  }

  mutating func deadMansSwitch() throws(LedgerError) -> SwitchRecord {
    SwitchRecord(received: try receivedSweep(), due: try timestamp())
  }

  private mutating func receivedSweep() throws(LedgerError) -> ReceivedSweep {
    let cancelID = try requiredIdentifier()
    var request = SweepRequest(cancelID: cancelID, scope: try scope())
    request.priority = try priority()
    request.start = try start()
    request.isDryRun = try bool()
    (request.details, request.deadline) = try details()
    let arrival = try arrival()
    return ReceivedSweep(
      request: request, source: arrival.source, producedAt: arrival.producedAt, receivedAt: arrival.receivedAt,
      key: arrival.key, echoedHeaders: arrival.echoedHeaders)
  }

  private mutating func scope() throws(LedgerError) -> SweepRequest.Scope {
    switch try byte() {
    case 0: return .account(try optionalText().map { AccountName($0) })
    case 1:
      let accounts = try accountNames()
      let environment = try optional { (reader) throws(LedgerError) in try reader.environment() }
      return .all(accounts: accounts, environment: environment)
    default: throw .malformed("the scope is unknown", at: position - 1)
    }
  }

  private mutating func environment() throws(LedgerError) -> APIEnvironment {
    guard let environment = APIEnvironment(rawValue: try byte()) else {
      throw .malformed("the environment is unknown", at: position - 1)
    }
    return environment
  }

  private mutating func start() throws(LedgerError) -> SweepRequest.Start {
    switch try byte() {
    case 0: return .now
    case 1: return .after(.microseconds(try fixed()))
    case 2: return .off
    default: throw .malformed("the start is unknown", at: position - 1)
    }
  }

  private mutating func accountNames() throws(LedgerError) -> [AccountName] {
    var accounts: [AccountName] = []
    for _ in 0..<(try elementCount()) { accounts.append(AccountName(try string())) }
    return accounts
  }
}
