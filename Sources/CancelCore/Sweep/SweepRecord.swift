import CancelContract

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

extension ByteSink {
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
      byte(0)
      optional(account) { $0.string($1.description) }
    case .all(let accounts, let environment):
      byte(1)
      count(accounts.count)
      for account in accounts { string(account.description) }
      optional(environment) { $0.byte($1.rawValue) }
    }
    byte(request.priority.rawValue)
    switch request.start {
    case .now: byte(0)
    case .after(let delay):
      byte(1)
      fixed(delay.microseconds)
    case .off: byte(2)
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
