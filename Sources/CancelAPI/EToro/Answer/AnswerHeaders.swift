import CancelContract

/// The headers of an answer that matter: what they say of the quota, the server's clock, a redirect's host, and whether
/// the API itself has answered.
///
/// Names and values are taken as bytes, so that the others cost nothing.
package struct AnswerHeaders: Hashable, Sendable {
  private var limits = RateLimitHeaders()
  /// When another call makes sense.
  private var retryAfter: HeaderTime?
  /// The server's clock, in seconds since the Unix epoch.
  private var date: Int64?
  /// The host that a redirect names, without the rest of its URL.
  private(set) var locationHost: String?
  /// Whether the answer asks for another credential (`WWW-Authenticate`), as the API itself does.
  private(set) var hasChallenge = false
  /// Whether the body is an HTML page, which the API never sends.
  private(set) var isPage = false
  /// Whether a CDN, a firewall or a load balancer names itself. It may only have passed the API's answer on.
  private(set) var isFromIntermediary = false

  /// No header has been read.
  init() {}

  /// Adds one header. Unknown names and values that can't be read are ignored.
  mutating func add(name: Span<UInt8>, value: Span<UInt8>) {
    switch name.count {
    case 4 where name.isCaseInsensitivelyEqual(to: "date"):
      date = HTTPDate.seconds(value.text)
    case 6 where name.isCaseInsensitivelyEqual(to: "server"):
      takeServer(value)
    case 7 where name.isCaseInsensitivelyEqual(to: "x-iinfo"):
      isFromIntermediary = true
    case 8 where name.isCaseInsensitivelyEqual(to: "location"):
      locationHost = RedirectLocation.host(value)
    case 11 where name.isCaseInsensitivelyEqual(to: "retry-after"):
      takeRetryAfter(HeaderTime(value))
    case 12 where name.isCaseInsensitivelyEqual(to: "content-type"):
      isPage = value.hasCaseInsensitivePrefix("text/html") || value.hasCaseInsensitivePrefix("application/xhtml")
    case 14 where name.isCaseInsensitivelyEqual(to: "retry-after-ms"):
      let time = HeaderNumber(value).flatMap { $0.milliseconds(of: 1) }
      takeRetryAfter(time.map { .after(milliseconds: $0) })
    case 16 where name.isCaseInsensitivelyEqual(to: "www-authenticate"):
      hasChallenge = true
    default:
      if name.hasCaseInsensitivePrefix("cf-") || name.hasCaseInsensitivePrefix("x-amz-cf-")
        || name.hasCaseInsensitivePrefix("akamai-") || name.hasCaseInsensitivePrefix("x-akamai-")
        || name.hasCaseInsensitivePrefix("x-sucuri-")
      {
        isFromIntermediary = true
      } else {
        limits.add(name: name, value: value)
      }
    }
  }

  /// Adds one header given as text.
  mutating func add(name: String, value: String) {
    let name = Array(name.utf8)
    let value = Array(value.utf8)
    add(name: name.span, value: value.span)
  }

  /// What the headers say of the quota; `nil` where they say nothing.
  func rateLimit(now: Timestamp) -> RateLimit? {
    let retryAfter = retryAfter?.fromAnswer(date: date, now: now)
    let policies = limits.isEmpty ? [] : limits.policies(date: date, now: now)
    guard retryAfter != nil || !policies.isEmpty else { return nil }
    return RateLimit(policies: policies, retryAfter: retryAfter)
  }

  /// Of several, the longest wait counts.
  private mutating func takeRetryAfter(_ time: HeaderTime?) {
    guard let time else { return }
    retryAfter = retryAfter.map { $0.later(time) } ?? time
  }

  private mutating func takeServer(_ value: Span<UInt8>) {
    let names: [StaticString] = [
      "cloudflare", "akamaighost", "cloudfront", "awselb", "imperva", "incapsula", "sucuri", "bigip", "big-ip",
      "varnish", "squid", "envoy",
    ]
    if names.contains(where: { value.hasCaseInsensitivePrefix($0) }) { isFromIntermediary = true }
  }
}
