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
