import CancelContract

/// The headers of an answer that matter: what they say of the quota, the server's clock, and a redirect's host.
///
/// Names and values are taken as bytes, so that the others cost nothing. Where a header comes twice or in two
/// spellings, the more careful value stands: fewer calls, a longer wait.
package struct AnswerHeaders: Hashable, Sendable {
  /// Calls allowed in a window.
  private(set) var limit: Int?
  /// Calls left in the window.
  private(set) var remaining: Int?
  /// When the window starts afresh.
  private(set) var reset: HeaderTime?
  /// When another call makes sense.
  private(set) var retryAfter: HeaderTime?
  /// The server's clock, in seconds since the Unix epoch.
  private(set) var date: Int64?
  /// The host that a redirect names, without the rest of its URL.
  private(set) var locationHost: String?

  /// Nothing yet.
  init() {}

  /// Takes one header; a name of no interest or a value that can't be read changes nothing.
  mutating func take(name: Span<UInt8>, value: Span<UInt8>) {
    switch name.count {
    case 4 where name.isCaseInsensitivelyEqual(to: "date"):
      date = HTTPDate.seconds(value)
    case 8 where name.isCaseInsensitivelyEqual(to: "location"):
      locationHost = RedirectLocation.host(value)
    case 9 where name.isCaseInsensitivelyEqual(to: "ratelimit"):
      takeStructured(value)
    case 11 where name.isCaseInsensitivelyEqual(to: "retry-after"):
      takeRetryAfter(value)
    case 15 where name.isCaseInsensitivelyEqual(to: "ratelimit-limit"),
      17 where name.isCaseInsensitivelyEqual(to: "x-ratelimit-limit"):
      takeLimit(HeaderNumber(leading: value))
    case 15 where name.isCaseInsensitivelyEqual(to: "ratelimit-reset"),
      17 where name.isCaseInsensitivelyEqual(to: "x-ratelimit-reset"):
      takeReset(HeaderNumber(leading: value))
    case 19 where name.isCaseInsensitivelyEqual(to: "ratelimit-remaining"),
      21 where name.isCaseInsensitivelyEqual(to: "x-ratelimit-remaining"):
      takeRemaining(HeaderNumber(leading: value))
    // `X-Rate-Limit-…`, a third spelling in use
    case 18 where name.isCaseInsensitivelyEqual(to: "x-rate-limit-limit"):
      takeLimit(HeaderNumber(leading: value))
    case 18 where name.isCaseInsensitivelyEqual(to: "x-rate-limit-reset"):
      takeReset(HeaderNumber(leading: value))
    case 22 where name.isCaseInsensitivelyEqual(to: "x-rate-limit-remaining"):
      takeRemaining(HeaderNumber(leading: value))
    default:
      break
    }
  }

  /// Takes one header given as text.
  mutating func take(name: String, value: String) {
    let name = Array(name.utf8)
    let value = Array(value.utf8)
    take(name: name.span, value: value.span)
  }

  private mutating func takeLimit(_ number: HeaderNumber?) {
    guard let count = number?.count else { return }
    limit = min(limit ?? count, count)
  }

  private mutating func takeRemaining(_ number: HeaderNumber?) {
    guard let count = number?.count else { return }
    remaining = min(remaining ?? count, count)
  }

  private mutating func takeReset(_ number: HeaderNumber?) {
    guard let time = number?.time else { return }
    reset = reset.map { $0.later(time) } ?? time
  }

  private mutating func takeRetryAfter(_ value: Span<UInt8>) {
    let time: HeaderTime
    if let date = HTTPDate.seconds(value) {
      time = .at(milliseconds: date * 1000)
    } else if let number = HeaderNumber(value), case .after = number.time {
      time = number.time
    } else {
      return
    }
    retryAfter = retryAfter.map { $0.later(time) } ?? time
  }

  /// `RateLimit: limit=20, remaining=3, reset=40`, or the later drafts' `"default";r=3;t=40`.
  private mutating func takeStructured(_ value: Span<UInt8>) {
    var start = 0
    while start < value.count {
      var end = start
      while end < value.count, !",;".utf8.contains(value[end]) { end += 1 }
      takeMember(value.extracting(start..<end))
      start = end + 1
    }
  }

  private mutating func takeMember(_ member: Span<UInt8>) {
    guard let equals = member.firstIndex(of: UInt8(ascii: "=")) else { return }
    var name = member.extracting(0..<equals)
    name = name.extracting(name.trimmedRange)
    let number = HeaderNumber(member.extracting((equals + 1)..<member.count))
    if name.isCaseInsensitivelyEqual(to: "limit") {
      takeLimit(number)
    } else if name.isCaseInsensitivelyEqual(to: "remaining") || name.isCaseInsensitivelyEqual(to: "r") {
      takeRemaining(number)
    } else if name.isCaseInsensitivelyEqual(to: "reset") || name.isCaseInsensitivelyEqual(to: "t") {
      takeReset(number)
    }
  }
}
