import CancelContract
import HTTPTransport

/// Reads the API's answers: status, headers and body in, a typed outcome out. No I/O and no clock.
///
/// | status | kind |
/// |---|---|
/// | 2xx with an empty body or a JSON object | accepted |
/// | any other 2xx | ambiguous |
/// | 400, 404, 409, 410, 422 | rejected |
/// | 401; 403 with a JSON object or `WWW-Authenticate` | credentialRefused |
/// | 403 with an HTML page, a CDN's headers or a CDN's own JSON object | transient |
/// | any other 403 | credentialRefused, uncertain |
/// | 429 | throttled |
/// | 3xx, 407, 408, 421, 425, 460, 463, 499, 5xx | transient; 421 is one connection's fault |
/// | any other 4xx | failed |
/// | anything else | ambiguous |
///
/// The status decides as soon as the head is whole. A body that breaks off or is too long costs the token or the API's
/// own problem, and no more.
///
/// Everything that is passed on (the token, the problem, the host of a redirect) is searched for the credential first;
/// see ``Credential/isRepeated(in:)``. What repeats a part of it is left out whole.
package struct AnswerReader: Sendable {
  /// The most of a body that is read, in bytes.
  package static let longestBody = 64 * 1024

  /// The answer in this response.
  ///
  /// - Parameters:
  ///   - status: The final status code.
  ///   - headers: What the headers said.
  ///   - body: As much of the body as came, up to ``longestBody``.
  ///   - isUndecoded: Whether there was a body in a content coding that could not be undone; `body` is empty then.
  ///   - credential: What the call was sent with.
  ///   - now: The time by the worker's clock.
  package static func answer(
    status: Int,
    headers: AnswerHeaders,
    body: [UInt8],
    isUndecoded: Bool = false,
    credential: Credential,
    now: Timestamp
  ) -> CancelAnswer {
    var answer = CancelAnswer(kind: .ambiguous, httpStatus: status, rateLimit: headers.rateLimit(now: now))
    switch status {
    case 200..<300:
      switch isUndecoded ? .somethingElse : Acceptance(body) {
      case .submitted(let token):
        answer.kind = .accepted
        answer.token = token.flatMap { credential.isRepeated(in: $0) ? nil : $0 }
      case .somethingElse:
        answer.problem = notTheAPIs(status: status, headers, isUndecoded: isUndecoded)
      }
    case 300..<400:
      answer.kind = .transient
      answer.problem = redirect(status: status, headers, credential)
    case 400..<600:
      answer.kind = kind(ofError: status)
      answer.problem =
        credential.isRepeated(in: body.span)
        ? credentialRepeated(status: status)
        : isUndecoded ? undecoded(status: status) : Problem(apiBody: body, status: status)
      if status == 403 { judgeForbidden(&answer, headers, body) }
      answer.isConnectionFault = status == 421
    default:
      answer.problem = Problem(
        .apiAnswerLost, detail: "The API answered with a status code that HTTP does not have.")
    }
    return answer
  }

  private static func kind(ofError status: Int) -> CancelAnswer.Kind {
    switch status {
    case 400, 404, 409, 410, 422: .rejected
    case 401, 403: .credentialRefused
    case 429: .throttled
    // a proxy that wants a password, a time-out, the wrong host of a shared connection, too early, what load balancers
    // call a client that has gone (460, 499) or too many proxies (463): none of them is the API's word on the order
    case 407, 408, 421, 425, 460, 463, 499, 500...: .transient
    default: .failed
    }
  }

  /// Tells the API's own 403 from that of a proxy or CDN, which says nothing of the credential.
  private static func judgeForbidden(_ answer: inout CancelAnswer, _ headers: AnswerHeaders, _ body: [UInt8]) {
    let text = Array(body[body.textStart...])
    if headers.hasChallenge { return }
    if let object = try? JSONValue(text), object.kind == .object,
      !(headers.isFromIntermediary && isCloudflareError(object))
    {
      return
    }
    if headers.isPage || headers.isFromIntermediary || text.first(where: { $0 > 0x20 }) == UInt8(ascii: "<") {
      answer.kind = .transient
      answer.problem = Problem(
        .apiStatus,
        detail: "the API answered 403 with what is not its own word: a page of a proxy, firewall or CDN on the way. "
          + "Check that this host may reach the API",
        status: 403)
    } else {
      answer.isUncertain = true
    }
  }

  /// Whether this is one of Cloudflare's own errors (1000 and up), which are JSON where the request accepts no page.
  private static func isCloudflareError(_ object: JSONValue) -> Bool {
    if object["cloudflare_error"] == .boolean(true) { return true }
    guard object["ray_id"] != nil, case .number(let code) = object["error_code"] else { return false }
    return Int(code).map { (1000..<2000).contains($0) } ?? false
  }

  private static func undecoded(status: Int) -> Problem {
    Problem(
      .apiStatus,
      detail: "the API answered \(status) in a content coding that was not asked for and can't be undone",
      status: status)
  }

  private static func notTheAPIs(status: Int, _ headers: AnswerHeaders, isUndecoded: Bool) -> Problem {
    let content =
      isUndecoded
      ? "content in a coding that was not asked for and can't be undone"
      : headers.isPage ? "an HTML page" : "content that is neither empty nor a JSON object"
    return Problem(
      .apiAnswerLost,
      detail: "The API answered \(status) with \(content), which is not its own word. "
        + "The order may or may not be cancelled",
      status: status)
  }

  private static func redirect(status: Int, _ headers: AnswerHeaders, _ credential: Credential) -> Problem {
    let host = headers.locationHost.flatMap { credential.isRepeated(in: $0) ? nil : $0 }
    let target = host.map { " to \($0)" } ?? ""
    return Problem(
      .apiStatus,
      detail: "The API answered with a redirect\(target). Redirects are not followed, so that credentials stay with "
        + "the configured host; check api.baseURL",
      status: status)
  }

  /// Stands for a problem that repeats a part of the credential.
  private static func credentialRepeated(status: Int) -> Problem {
    Problem(
      .apiStatus,
      detail: "the API answered \(status), and what it sent repeats a part of the account's credential: it is left out",
      status: status)
  }
}

/// What the body of a 2xx says.
enum Acceptance: Equatable {
  /// The cancel was submitted: the body is empty, or a JSON object, or the beginning of one that broke off. The token
  /// is its string member `token`, where it has one that is not empty, not too long, and visible ASCII throughout.
  case submitted(token: String?)
  /// The body is anything else: a page, an array, text.
  case somethingElse

  /// A longer token, in bytes, is none: it would have to be remembered with every accepted order.
  static let longestToken = 256

  /// Reads a body.
  init(_ body: [UInt8]) {
    let start = body.textStart
    guard let first = body[start...].first(where: { !$0.isBlank }) else {
      self = .submitted(token: nil)
      return
    }
    guard first == UInt8(ascii: "{") else {
      self = .somethingElse
      return
    }
    do {
      let token = try Self.token(body, start: start)
      let isToken = token.map { (1...Self.longestToken).contains($0.count) && $0.allSatisfy(Self.isVisible) } ?? false
      self = .submitted(token: isToken ? token.map { String(decoding: $0, as: UTF8.self) } : nil)
    } catch {
      // nothing is wrong with it but that it ends too soon: the connection broke, or it is longer than is read
      self = error.offset == body.count - start && error.found == nil ? .submitted(token: nil) : .somethingElse
    }
  }

  private static func isVisible(_ byte: UInt8) -> Bool { (0x21...0x7E).contains(byte) }

  private static func token(_ body: [UInt8], start: Int) throws(JSONFault) -> [UInt8]? {
    var reader = JSONReader(body, range: start..<body.count)
    var token: JSONString?
    if try reader.enterObject() {
      repeat {
        let name = try reader.readName()
        if reader.matches(name, "token") {
          // of two the last one counts, as it does for most readers
          token = nil
          if try reader.peekKind() == .string {
            token = try reader.readString()
            continue
          }
        }
        _ = try reader.skipValue()
      } while try reader.continuesObject()
    }
    try reader.finish()
    return token.map { reader.utf8($0) }
  }
}

/// Why a call has no answer from the API.
///
/// The distinction that matters is whether the API can have seen the call. Where that is not certain, it may have.
struct CallFault: Error, Hashable, Sendable {
  /// Whether the call may have reached the API.
  let mayBeSent: Bool
  /// What happened, for people: never a header, never a secret.
  let detail: String
  /// Whether the fault is one connection's, and says nothing of the API: the call goes again on another one at once.
  var isConnectionFault = false

  /// The call did not leave, or not whole: nothing can have come of it.
  static func unsent(_ detail: String) -> CallFault {
    CallFault(mayBeSent: false, detail: detail + " The call was not sent.")
  }

  /// The call was sent, and its answer did not come or could not be read.
  static func answerLost(_ detail: String) -> CallFault {
    CallFault(mayBeSent: true, detail: detail + " The order may or may not be cancelled.")
  }

  /// The fault as an answer: transient where the call was not sent, else ambiguous.
  ///
  /// - Parameter credential: What the call was sent with, or was to be; a detail that repeats a part of it is left out.
  func answer(sentWith credential: Credential) -> CancelAnswer {
    let detail =
      credential.isRepeated(in: detail)
      ? "The call failed, and the words for it repeat a part of the account's credential: they are left out." : detail
    var answer =
      mayBeSent
      ? CancelAnswer(kind: .ambiguous, problem: Problem(.apiAnswerLost, detail: detail))
      : CancelAnswer(kind: .transient, problem: Problem(.apiUnreachable, detail: detail))
    answer.isConnectionFault = isConnectionFault
    return answer
  }
}

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
      date = HTTPDate.seconds(value)
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
      HeaderNumber.forEach(of: value) { number in
        takeRetryAfter(number.milliseconds(of: 1).map { .after(milliseconds: $0) })
      }
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
    add(name: name.utf8Span.span, value: value.utf8Span.span)
  }

  /// What the headers say of the quota; `nil` where they say nothing.
  func rateLimit(now: Timestamp) -> RateLimit? {
    let retryAfter = retryAfter?.fromAnswer(date: date, now: now)
    let policies = limits.policies(date: date, now: now)
    guard retryAfter != nil || !policies.isEmpty else { return nil }
    return RateLimit(policies: policies, retryAfter: retryAfter)
  }

  /// How CDNs, firewalls and load balancers name themselves.
  private static let intermediaries: [StaticString] = [
    "cloudflare", "akamaighost", "cloudfront", "awselb", "imperva", "incapsula", "sucuri", "bigip", "big-ip", "varnish",
    "squid", "envoy",
  ]

  /// Of several, the longest wait counts.
  private mutating func takeRetryAfter(_ time: HeaderTime?) {
    guard let time else { return }
    retryAfter = retryAfter.map { $0.later(time) } ?? time
  }

  private mutating func takeServer(_ value: Span<UInt8>) {
    if Self.intermediaries.contains(where: { value.hasCaseInsensitivePrefix($0) }) { isFromIntermediary = true }
  }
}
