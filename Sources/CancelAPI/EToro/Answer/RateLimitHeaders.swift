import CancelContract
import RawStructuredFieldValues

/// The quota in an answer's headers, in every dialect in use.
///
/// | header | from |
/// |---|---|
/// | `X-RateLimit-Limit`, `-Remaining`, `-Reset`; also `X-Rate-Limit-…` | practice |
/// | `X-RateLimit-Limit-Minute`, `-Remaining-Minute`; also `-Second`, `-Hour`, `-Day` and so on | Kong |
/// | `RateLimit-Limit: 20, 20;w=60`, `-Remaining`, `-Reset` | draft-ietf-httpapi-ratelimit-headers 00 to 06 |
/// | `RateLimit: limit=20, remaining=3, reset=40` | draft 07 |
/// | `RateLimit: "minute";r=3;t=40, "day";r=900;t=3600`, `RateLimit-Policy: "minute";q=20;w=60` | drafts 08 and later |
///
/// The last two are structured fields (RFC 9651) and are read as such; what is none after all is read leniently. Each
/// named policy and each of Kong's windows is a limit of its own. So is each spelling of the others, unless they agree
/// on the limit or one leaves it out; then of two values the more careful stands, as it does where a header comes twice
/// or has a list.
struct RateLimitHeaders: Hashable, Sendable {
  /// One limit as it was told.
  fileprivate struct Told: Hashable, Sendable {
    var name: String?
    var limit: Int?
    var remaining: Int?
    var windowSeconds: Int?
    var reset: HeaderTime?

    var isEmpty: Bool { self == Told() }

    /// Adds what another spelling of the same limit says.
    mutating func merge(_ other: Told) {
      limit = limit ?? other.limit
      remaining = [remaining, other.remaining].compactMap(\.self).min()
      windowSeconds = windowSeconds ?? other.windowSeconds
      reset = reset.map { reset in other.reset.map(reset.later) ?? reset } ?? other.reset
    }
  }

  /// What the headers with one value each said, for each of their spellings: `X-RateLimit-…`, `RateLimit-…` and
  /// `X-Rate-Limit-…`.
  private var prefixed = Told()
  private var plain = Told()
  private var hyphenated = Told()
  /// The limits whose headers' names end with their window.
  private var windows: [Told] = []
  /// The items of `RateLimit`.
  private var items: [Told] = []
  /// The items of `RateLimit-Policy`.
  private var definitions: [Told] = []

  /// Adds one header, if it is one of these.
  mutating func add(name: Span<UInt8>, value: Span<UInt8>) {
    switch name.count {
    case 9 where name.isCaseInsensitivelyEqual(to: "ratelimit"):
      takeItems(value.text)
    case 15 where name.isCaseInsensitivelyEqual(to: "ratelimit-limit"):
      Self.takeLimit(value, into: &plain)
    case 17 where name.isCaseInsensitivelyEqual(to: "x-ratelimit-limit"):
      Self.takeLimit(value, into: &prefixed)
    case 18 where name.isCaseInsensitivelyEqual(to: "x-rate-limit-limit"):
      Self.takeLimit(value, into: &hyphenated)
    case 15 where name.isCaseInsensitivelyEqual(to: "ratelimit-reset"):
      Self.takeReset(value, into: &plain)
    case 17 where name.isCaseInsensitivelyEqual(to: "x-ratelimit-reset"):
      Self.takeReset(value, into: &prefixed)
    case 18 where name.isCaseInsensitivelyEqual(to: "x-rate-limit-reset"):
      Self.takeReset(value, into: &hyphenated)
    case 23 where name.isCaseInsensitivelyEqual(to: "x-ratelimit-reset-after"):
      Self.takeReset(value, into: &prefixed)
    case 19 where name.isCaseInsensitivelyEqual(to: "ratelimit-remaining"):
      Self.takeRemaining(value, into: &plain)
    case 21 where name.isCaseInsensitivelyEqual(to: "x-ratelimit-remaining"):
      Self.takeRemaining(value, into: &prefixed)
    case 22 where name.isCaseInsensitivelyEqual(to: "x-rate-limit-remaining"):
      Self.takeRemaining(value, into: &hyphenated)
    case 16 where name.isCaseInsensitivelyEqual(to: "ratelimit-policy"):
      takeDefinitions(value.text)
    default:
      if name.hasCaseInsensitivePrefix("x-ratelimit-") { takeWindow(name.text, value) }
    }
  }

  /// The limits, each once.
  func policies(date: Int64?, now: Timestamp) -> [RateLimit.Policy] {
    // What most answers come to, and every answer passes here.
    if plain.isEmpty, hyphenated.isEmpty, windows.isEmpty, items.isEmpty, definitions.isEmpty {
      return prefixed.isEmpty ? [] : [prefixed.policy(date: date, now: now)]
    }
    var told = items
    for index in told.indices {
      let definition =
        definitions.first { $0.name != nil && $0.name == told[index].name }
        ?? (told.count == 1 && definitions.count == 1 ? definitions.first : nil)
      if let definition { told[index].merge(definition) }
    }
    told += windows
    for var spelling in [prefixed, plain, hyphenated] where !spelling.isEmpty {
      if definitions.count == 1, let definition = definitions.first,
        spelling.limit ?? definition.limit == definition.limit
      {
        spelling.merge(definition)
      }
      let same = told.indices.filter { index in
        guard let known = told[index].limit, let limit = spelling.limit else { return told.count == 1 }
        return known == limit
      }
      if same.count == 1, let index = same.first { told[index].merge(spelling) } else { told.append(spelling) }
    }
    return told.map { $0.policy(date: date, now: now) }
  }

  private static func takeLimit(_ value: Span<UInt8>, into told: inout Told) {
    // the limits in a list with windows are policies, but for the first
    let hasWindows = value.firstIndex(of: UInt8(ascii: ";")) != nil
    var first: Int?
    HeaderNumber.forEach(of: value) { first = first ?? $0.count }
    guard let limit = hasWindows ? first : HeaderNumber.least(of: value, \.count) else { return }
    if let known = told.limit, known <= limit { return }
    told.limit = limit
    told.windowSeconds =
      hasWindows ? definitions(value.text).first { $0.limit == limit && $0.windowSeconds != nil }?.windowSeconds : nil
  }

  private static func takeRemaining(_ value: Span<UInt8>, into told: inout Told) {
    guard let remaining = HeaderNumber.least(of: value, \.countLeft) else { return }
    told.remaining = min(told.remaining ?? remaining, remaining)
  }

  private static func takeReset(_ value: Span<UInt8>, into told: inout Told) {
    guard let reset = HeaderTime(value) else { return }
    told.reset = told.reset?.later(reset) ?? reset
  }

  /// `X-RateLimit-Limit-Minute`, `X-RateLimit-Remaining-Minute`
  private mutating func takeWindow(_ name: String, _ value: Span<UInt8>) {
    let parts = name.lowercased().split(separator: "-")
    guard parts.count == 4, let seconds = Self.windowSeconds[String(parts[3])] else { return }
    var told = Told(windowSeconds: seconds)
    switch parts[2] {
    case "limit": told.limit = HeaderNumber.least(of: value, \.count)
    case "remaining": told.remaining = HeaderNumber.least(of: value, \.countLeft)
    default: return
    }
    guard told != Told(windowSeconds: seconds) else { return }
    if let index = windows.firstIndex(where: { $0.windowSeconds == seconds }) {
      windows[index].merge(told)
    } else {
      windows.append(told)
    }
  }

  private mutating func takeItems(_ text: String) {
    var told = Self.list(text) ?? []
    // a member of a list without a count is one of the older dictionary
    if told.isEmpty || told.contains(where: { $0.remaining == nil && $0.reset == nil }) {
      told = Self.dictionary(text).map { [$0] } ?? Self.lenientItems(text)
    }
    items += told
  }

  private mutating func takeDefinitions(_ text: String) {
    definitions += Self.definitions(text)
  }
}

extension RateLimitHeaders {
  private static let windowSeconds = [
    "second": 1, "minute": 60, "hour": 3600, "day": 86_400, "month": 2_592_000, "year": 31_536_000,
  ]

  /// No header has more limits than this.
  private static let mostItems = 16

  /// `"minute";r=3;t=40, "day";r=900;t=3600`
  private static func list(_ text: String) -> [Told]? {
    var parser = StructuredFieldValueParser(Array(text.utf8))
    guard let members = try? parser.parseListFieldValue() else { return nil }
    return members.prefix(mostItems).compactMap { member in
      guard case .item(let item) = member else { return nil }
      var told = Told(name: name(item.rfc9651BareItem))
      for (key, value) in item.rfc9651Parameters { told.set(key, number(value)) }
      return told
    }
  }

  /// `limit=20, remaining=3, reset=40`
  private static func dictionary(_ text: String) -> Told? {
    var parser = StructuredFieldValueParser(Array(text.utf8))
    guard let members = try? parser.parseDictionaryFieldValue() else { return nil }
    var told = Told()
    for (key, member) in members {
      guard case .item(let item) = member else { continue }
      told.set(key, number(item.rfc9651BareItem))
      for (key, value) in item.rfc9651Parameters { told.set(key, number(value)) }
    }
    return told == Told() ? nil : told
  }

  /// `"minute";q=20;w=60`, or `20;w=60` of the older drafts.
  private static func definitions(_ text: String) -> [Told] {
    var parser = StructuredFieldValueParser(Array(text.utf8))
    guard let members = try? parser.parseListFieldValue() else { return lenientItems(text) }
    return members.prefix(mostItems).compactMap { member in
      guard case .item(let item) = member else { return nil }
      var told = Told(name: name(item.rfc9651BareItem))
      if case .integer(let limit) = item.rfc9651BareItem { told.limit = Int(limit) }
      for (key, value) in item.rfc9651Parameters { told.set(key, number(value)) }
      return told
    }
  }

  /// What is no structured field: numbers in quotes or with fractions, names in capitals, blanks where none may be.
  ///
  /// Members are separated by commas and their parts by semicolons; parts that are named in full belong to one limit.
  private static func lenientItems(_ text: String) -> [Told] {
    var named: [Told] = []
    var whole = Told()
    for member in text.split(separator: ",").prefix(mostItems) {
      var told = Told()
      for part in member.split(separator: ";") {
        let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let key = sides[0].trimmingBlanks.lowercased()
        guard sides.count == 2 else {
          told.name = told.name ?? String(key[...].trimmingQuotes)
          if let limit = HeaderNumber(key)?.count { told.limit = limit }
          continue
        }
        let number = HeaderNumber(sides[1].trimmingBlanks.trimmingQuotes)
        if key.utf8.count == 1 { told.set(key, number) } else { whole.set(key, number) }
      }
      if told.remaining != nil || told.reset != nil || told.windowSeconds != nil { named.append(told) }
    }
    return named + (whole == Told() ? [] : [whole])
  }

  private static func name(_ item: RFC9651BareItem) -> String? {
    switch item {
    case .string(let name), .token(let name): name
    default: nil
    }
  }

  private static func number(_ item: RFC9651BareItem) -> HeaderNumber? {
    switch item {
    case .integer(let value): HeaderNumber(String(value))
    case .decimal(let value): HeaderNumber(String(Double(value)))
    case .string(let value), .token(let value): HeaderNumber(value)
    default: nil
    }
  }
}

extension RateLimitHeaders.Told {
  fileprivate func policy(date: Int64?, now: Timestamp) -> RateLimit.Policy {
    RateLimit.Policy(
      limit: limit, remaining: remaining, window: windowSeconds.map { .seconds($0) },
      resetAfter: reset?.fromAnswer(date: date, now: now))
  }

  /// Sets the part that `key` names in any of the drafts; others are left out.
  fileprivate mutating func set(_ key: String, _ number: HeaderNumber?) {
    guard let number else { return }
    switch key {
    case "limit", "q": limit = number.count
    case "remaining", "r": remaining = number.countLeft
    case "reset", "t": reset = number.time
    case "w", "window": windowSeconds = number.count
    default: break
    }
  }
}
