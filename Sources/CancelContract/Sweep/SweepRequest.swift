/// One request to cancel every pending order of an account, or of several.
///
/// A request with `after` is a dead-man's switch: it arms a sweep that begins by itself unless it is moved or disarmed
/// in time.
public struct SweepRequest: Hashable, Sendable {
  /// Whose orders.
  public enum Scope: Hashable, Sendable {
    /// One account's; `nil` stands for the configured default.
    case account(AccountName?)
    /// Those of every configured account that is named (of all, where none is) and lives in the environment (in any,
    /// where that is `nil`).
    case all(accounts: [AccountName], environment: APIEnvironment?)
  }

  /// When the sweep begins.
  public enum Start: Hashable, Sendable {
    /// At once.
    case now
    /// This long after the request was produced, unless a later request with the same `cancelID` and scope moves it.
    case after(Duration)
    /// Never: it disarms the switch with the same `cancelID` and scope.
    case off
  }

  /// Names this request in its result: the `cancelId` member, else `ce_id`, else `topic/partition/offset`.
  public var cancelID: String
  /// Whose orders.
  public var scope: Scope
  /// A kill-switch unless the sender says otherwise.
  public var priority: Priority
  /// No call is sent after this; `nil` stands for the configured default.
  public var deadline: Timestamp?
  /// When the sweep begins.
  public var start: Start
  /// Whether it only lists and counts.
  public var isDryRun: Bool
  /// What the results repeat.
  public var details: RequestDetails

  /// A request with the given members.
  public init(
    cancelID: String,
    scope: Scope,
    priority: Priority = .killSwitch,
    deadline: Timestamp? = nil,
    start: Start = .now,
    isDryRun: Bool = false,
    details: RequestDetails = RequestDetails()
  ) {
    self.cancelID = cancelID
    self.scope = scope
    self.priority = priority
    self.deadline = deadline
    self.start = start
    self.isDryRun = isDryRun
    self.details = details
  }

  /// The campaign that the sweep and its orders' results belong to: the request's own, else named like the sweep.
  public var campaignID: String { details.campaignID ?? cancelID }
}

/// A sweep's request together with what its record brought along.
public struct ReceivedSweep: Hashable, Sendable {
  /// What the sender asked for.
  public var request: SweepRequest
  /// The coordinates of the record.
  public var source: SourceCoordinates
  /// When the record was produced, by Kafka's timestamp.
  public var producedAt: Timestamp
  /// When the worker received the record.
  public var receivedAt: Timestamp
  /// The record's key, which the results repeat.
  public var key: [UInt8]?
  /// The headers that the results repeat.
  public var echoedHeaders: [RecordHeader]

  /// A request that came in the record at `source`.
  public init(
    request: SweepRequest,
    source: SourceCoordinates,
    producedAt: Timestamp,
    receivedAt: Timestamp,
    key: [UInt8]? = nil,
    echoedHeaders: [RecordHeader] = []
  ) {
    self.request = request
    self.source = source
    self.producedAt = producedAt
    self.receivedAt = receivedAt
    self.key = key
    self.echoedHeaders = echoedHeaders
  }

  /// What the sweep's own events repeat from it; the campaign is always there.
  public var echo: RequestEcho {
    var details = request.details
    details.campaignID = request.campaignID
    return RequestEcho(
      cancelID: request.cancelID, source: source, key: key, echoedHeaders: echoedHeaders, details: details)
  }

  /// The request that the sweep makes for one order that it found.
  ///
  /// It carries the sweep's place in Kafka, so that `source` and `orderID` together name it. The context stays with
  /// the sweep's own result, or ten thousand orders would carry it ten thousand times.
  public func request(for orderID: OrderID, of account: AccountName, deadline: Timestamp) -> ReceivedRequest {
    var details = request.details
    details.context = nil
    details.campaignID = request.campaignID
    details.campaignSize = nil
    details.sweptBy = request.cancelID
    return ReceivedRequest(
      request: CancelRequest(
        cancelID: "\(request.cancelID)/\(orderID)", orderID: orderID, account: account, priority: request.priority,
        deadline: deadline, details: details),
      source: source, producedAt: producedAt, receivedAt: receivedAt, key: key, echoedHeaders: echoedHeaders)
  }
}

/// A readable message of the requests topic.
public enum IncomingRequest: Hashable, Sendable {
  /// To cancel one order.
  case cancel(ReceivedRequest)
  /// To cancel every order of an account, or of several.
  case sweep(ReceivedSweep)
}

/// As much of a sweep's own members as could be read.
struct SweepDraft {
  var scope: SweepReport.Scope?
  var accounts: [AccountName] = []
  var environment: APIEnvironment?
  var start: SweepRequest.Start?
  var isDryRun: Bool?

  /// How the members are read from a request; `scope` is the first.
  static let requestMembers: [RequestMember] = [
    .choice("scope", ["account": .account, "all": .all]) { $0.sweep.scope = $1 },
    RequestMember("accounts") { (draft, reader) throws(JSONFault) in try draft.readAccounts(from: &reader) },
    .choice("environment", ["demo": APIEnvironment.demo, "real": .real]) { $0.sweep.environment = $1 },
    RequestMember("after") { (draft, reader) throws(JSONFault) in try draft.readAfter(from: &reader) },
    .flag("dryRun") { $0.sweep.isDryRun = $1 },
  ]

  /// How soon a dead-man's switch may fire: a shorter time could pass before its request is read.
  static let shortestDelay = Duration.seconds(1)
  /// How late.
  static let longestDelay = Duration.seconds(7 * 86_400)
}

extension RequestDraft {
  /// Whose orders a sweep cancels; `nil` where the request is not one.
  var scope: SweepRequest.Scope? {
    switch sweep.scope {
    case .account: .account(account)
    case .all: .all(accounts: sweep.accounts, environment: sweep.environment)
    case nil: nil
    }
  }

  /// What is wrong with the members that say what to cancel, taken together.
  var targetFault: RequestFault? {
    func fault(_ member: String, _ detail: String) -> RequestFault {
      RequestFault(.memberInvalid, detail, member: member)
    }
    guard let scope = sweep.scope else {
      if !sweep.accounts.isEmpty {
        return fault("accounts", "`accounts` goes with `\"scope\": \"all\"`: leave it out to cancel one order")
      }
      if sweep.environment != nil {
        return fault(
          "environment",
          "`environment` goes with `\"scope\": \"all\"`: an order's environment follows from its account's configuration"
        )
      }
      if sweep.start != nil {
        return fault("after", "`after` goes with `scope`: one order's cancel can't be put off")
      }
      if sweep.isDryRun == true {
        return fault(
          "dryRun", "`dryRun` goes with `scope`: a request with `orderId` always cancels, so this one is not taken")
      }
      return nil
    }
    if hasSeenOrderID {
      return fault(
        "scope", "`orderId` and `scope` stand together: send `orderId` for one order, or `scope` for all of them")
    }
    switch scope {
    case .account:
      if !sweep.accounts.isEmpty {
        return fault("accounts", "`accounts` goes with `\"scope\": \"all\"`: name one account in `account`")
      }
      if sweep.environment != nil {
        return fault("environment", "`environment` goes with `\"scope\": \"all\"`: one account has one environment")
      }
    case .all:
      if account != nil {
        return fault(
          "account", "`account` goes with `\"scope\": \"account\"`: list names in `accounts`, or leave them out for all"
        )
      }
    }
    if sweep.isDryRun == true, let start = sweep.start, start != .now {
      return fault(
        "dryRun", "`dryRun` and `after` stand together: a dead-man's switch can't be tried without arming it")
    }
    return nil
  }

  /// Reads the names of the accounts to sweep.
  fileprivate mutating func readAccounts(from reader: inout JSONReader) throws(JSONFault) {
    let (kind, place) = try reader.peekPlace()
    guard kind == .array else {
      try reader.skipValue()
      if kind != .null { note(.invalid("accounts", "must be an array of names; it is \(kind)", at: place, in: reader)) }
      return
    }
    guard try reader.enterArray() else {
      // Read as if it were missing, it would stand for every account.
      return note(.invalid("accounts", "must name at least one account, or be left out", at: place, in: reader))
    }
    repeat {
      let place = try reader.peekPlace().place
      if let name = try text("accounts", 1...RequestLimits.account, isIdentifier: true, from: &reader) {
        sweep.accounts.append(AccountName(name))
      } else {
        note(.invalid("accounts", "must hold names only", at: place, in: reader))
      }
    } while try reader.continuesArray()
    if sweep.accounts.count > RequestLimits.accounts {
      note(.invalid("accounts", "must hold at most \(RequestLimits.accounts) names", at: place, in: reader))
    }
  }

  /// Reads when a sweep begins by itself.
  fileprivate mutating func readAfter(from reader: inout JSONReader) throws(JSONFault) {
    let (kind, place) = try reader.peekPlace()
    switch kind {
    case .null: return try reader.readNull()
    case .string:
      let text = reader.text(try reader.readString())
      if text == "off" {
        sweep.start = .off
        return
      }
      if let delay = Duration(written: text), SweepDraft.shortestDelay...SweepDraft.longestDelay ~= delay {
        sweep.start = .after(delay)
        return
      }
    default: try reader.skipValue()
    }
    note(
      .invalid("after", "must be a time from \"1s\" to \"168h\", such as \"60s\", or \"off\"", at: place, in: reader))
  }
}

extension RequestMember {
  /// One of some words.
  fileprivate static func choice<Value: Sendable>(
    _ name: StaticString,
    _ values: KeyValuePairs<String, Value>,
    _ keep: @escaping @Sendable (inout RequestDraft, Value) -> Void
  ) -> RequestMember {
    let values = values.map { (word: $0.key, value: $0.value) }
    return RequestMember(name) { (draft, reader) throws(JSONFault) in
      let (kind, place) = try reader.peekPlace()
      let words = values.map { "\"\($0.word)\"" }.joined(separator: " or ")
      guard kind == .string else {
        if kind == .null { return try reader.readNull() }
        try reader.skipValue()
        return draft.note(.invalid("\(name)", "must be \(words); it is \(kind)", at: place, in: reader))
      }
      let text = reader.text(try reader.readString())
      guard let match = values.first(where: { $0.word == text }) else {
        return draft.note(.invalid("\(name)", "must be \(words); it is another string", at: place, in: reader))
      }
      keep(&draft, match.value)
    }
  }
}

extension Duration {
  /// A time as configuration and requests write it: a whole number and `ms`, `s`, `m` or `h`; `nil` for anything else.
  init?(written text: String) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard !digits.isEmpty, digits.count <= 12, let number = Int64(digits) else { return nil }
    switch text.dropFirst(digits.count) {
    case "ms": self = .milliseconds(number)
    case "s": self = .seconds(number)
    case "m": self = .seconds(number * 60)
    case "h": self = .seconds(number * 3600)
    default: return nil
    }
  }
}
