import CancelContract
import CancelCore
import Testing

@testable import CancelAPI

struct AnswerReaderTests {
  private static let now = Timestamp(milliseconds: 1_800_000_000_000)

  private func answer(
    _ status: Int, headers: [(String, String)] = [], body: String = ""
  ) throws -> CancelAnswer {
    var taken = AnswerHeaders()
    for (name, value) in headers { taken.add(name: name, value: value) }
    return AnswerReader.answer(
      status: status, headers: taken, body: Array(body.utf8), credential: try Canary.pair().credential, now: Self.now)
  }

  private func rateLimit(_ headers: [(String, String)]) throws -> RateLimit? {
    try answer(200, headers: headers).rateLimit
  }

  @Test func everyStatusHasOneKind() throws {
    for status in 0...1000 {
      let answer = try answer(status, body: status == 403 ? "{}" : "")
      let expected: CancelAnswer.Kind =
        switch status {
        case 200...299: .accepted
        case 401, 403: .credentialRefused
        case 429: .throttled
        case 407, 408, 421, 425, 460, 463, 499, 300...399, 500...599: .transient
        case 400, 404, 409, 410, 422: .rejected
        case 400...499: .failed
        default: .ambiguous
        }
      #expect(answer.kind == expected, "\(status)")
      #expect(answer.httpStatus == status)
      #expect((answer.problem == nil) == (expected == .accepted))
      #expect(answer.isConnectionFault == (status == 421))
      #expect(!answer.isUncertain)
    }
  }

  @Test(arguments: [
    ("{\"token\":\"abc\"}", "abc"), (" {\n\"other\" : [1, {\"token\":\"x\"}, true], \"token\" : \"abc\" } ", "abc"),
    ("{\"token\":null}", nil), ("{\"token\":5}", nil), ("{\"token\":{\"token\":\"x\"}}", nil),
    ("{\"token\":\"\"}", nil), ("", nil), (" \r\n", nil), ("{}", nil), ("\u{FEFF}{\"token\":\"abc\"}", "abc"),
    ("{", nil), ("{\"token\":\"abc\"", nil), ("{\"token\":\"a\\", nil), ("{\"Token\":\"abc\"}", nil),
    ("{\"token\":\"a\",\"token\":\"b\"}", "b"), ("{\"token\":\"a\\nb\"}", nil), ("{\"token\":\"a b\"}", nil),
    ("{\"a\":\"\\\"\",\"token\":\"abc\"}", "abc"),
  ])
  func anEmptyBodyOrAnObjectIsAnAcceptance(_ body: String, _ token: String?) throws {
    #expect(try answer(200, body: body) == CancelAnswer(kind: .accepted, httpStatus: 200, token: token))
  }

  @Test(arguments: [
    "<html><body>We'll be back soon</body></html>", "<!DOCTYPE html>", "[\"token\"]", "\"token\"", "null", "OK", "true",
    "{\"token\":\"abc\"}}", "{\"token\":\"abc\"} x", "{\"token\":\"abc\",}", "{\"token\" \"abc\"}", "{maintenance}",
    "{\"token\":\"\u{0}\"}", "\u{1F}\u{8B}\u{8}", "()", "7f1da128-f516-4710-8474-915566c4b22e",
  ])
  func anyOther2xxIsAmbiguous(_ body: String) throws {
    for status in [200, 202, 299] {
      let answer = try answer(status, headers: [("Content-Type", "text/html")], body: body)
      #expect(answer.kind == .ambiguous && answer.token == nil)
      #expect(answer.problem?.problemType == .apiAnswerLost)
      #expect(answer.problem?.detail?.contains("\(status)") == true)
    }
  }

  @Test func aBodyThatCannotBeDecodedIsNoAcceptance() {
    for (status, kind) in [(200, CancelAnswer.Kind.ambiguous), (404, .rejected), (500, .transient)] {
      let answer = AnswerReader.answer(
        status: status, headers: AnswerHeaders(), body: [], isUndecoded: true, credential: .bearer(Secret("a-secret")),
        now: Self.now)
      #expect(answer.kind == kind)
      #expect(answer.problem?.detail?.contains("coding") == true)
    }
  }

  @Test func a403InTheAPIsOwnWordsRefusesTheCredential() throws {
    let cdn = ("cf-ray", "8c1f")
    for (headers, body) in [
      ([], "{\"title\":\"Forbidden\"}"), ([cdn, ("Server", "cloudflare")], " {\"title\":\"Forbidden\"}"), ([], "{}"),
      ([], "\u{FEFF}{\"title\":\"Forbidden\"}"), ([cdn], "\u{FEFF}\r\n{}"),
      ([cdn], "{\"error_code\":1020}"), ([cdn], "{\"error_code\":403,\"ray_id\":\"8c1f\"}"),
      ([cdn], "{\"cloudflare_error\":false}"), ([("www-authenticate", "Bearer"), cdn], "{\"cloudflare_error\":true}"),
      ([("WWW-Authenticate", "Bearer error=\"insufficient_scope\"")], ""),
      ([cdn, ("www-authenticate", "Bearer")], "<html>"),
    ] {
      let answer = try answer(403, headers: headers, body: body)
      #expect(answer.kind == .credentialRefused && !answer.isUncertain, "\(body)")
    }
  }

  @Test(arguments: [
    ([("Content-Type", "text/html; charset=UTF-8")], "<!DOCTYPE html><title>Attention Required! | Cloudflare</title>"),
    ([("content-type", "TEXT/HTML")], ""), ([], "\u{FEFF}<html></html>"),
    ([], " <html></html>"), ([("CF-RAY", "8c1f")], "error code: 1020"),
    ([("Server", "cloudflare")], ""), ([("cf-mitigated", "challenge")], ""),
    ([("Server", "AkamaiGHost")], "Access Denied"),
    ([("X-Amz-Cf-Id", "x")], "Forbidden"), ([("X-Iinfo", "1")], ""), ([("x-sucuri-id", "1")], "[1]"),
    ([("CF-RAY", "8c1f")], "{\"title\":\"Error 1020: Access denied\",\"cloudflare_error\":true}"),
    ([("Server", "cloudflare")], "{\"error_code\":1010,\"ray_id\":\"8c1f\"}"),
    ([("Server", "awselb/2.0"), ("Content-Type", "application/xhtml+xml")], "<x/>"),
  ])
  func a403OfSomethingInBetweenIsAFaultOfTheWay(_ headers: [(String, String)], _ body: String) throws {
    let answer = try answer(403, headers: headers, body: body)
    #expect(answer.kind == .transient)
    #expect(answer.httpStatus == 403)
    #expect(answer.problem?.detail?.contains("not its own word") == true)
  }

  @Test(arguments: ["", " ", "Forbidden", "[]", "{broken"])
  func anyOther403IsUncertain(_ body: String) throws {
    let answer = try answer(403, body: body)
    #expect(answer.kind == .credentialRefused && answer.isUncertain)
    #expect(answer.problem != nil)
  }

  @Test func aTokenHasABound() throws {
    let longest = String(repeating: "t", count: Acceptance.longestToken)
    #expect(try answer(200, body: "{\"token\":\"\(longest)\"}").token == longest)
    #expect(try answer(200, body: "{\"token\":\"\(longest)t\"}").token == nil)
    let deep = String(repeating: "[", count: 30_000)
    #expect(try answer(200, body: "{\"a\":\(deep),\"token\":\"t\"}").token == nil)
  }

  @Test func keepsTheProblemOfTheAPI() throws {
    let body = "{\"title\":\"Order not found\",\"status\":404,\"extra\":[1]}"
    #expect(try answer(404, body: body).problem == Problem(json: JSONText(wellFormed: Array(body.utf8))))
    #expect(try answer(500).problem == Problem(apiBody: [], status: 500))
  }

  @Test func tellsOfARedirect() throws {
    let problem = try #require(
      try answer(302, headers: [("Location", "https://evil.example:8443/path?key=1")]).problem?.description)
    #expect(problem.contains("evil.example:8443") && problem.contains("api.baseURL") && !problem.contains("key=1"))
    for location in ["/elsewhere", "https://ev\"il/", "//", "https://", "\u{1}", "https://a b/"] {
      let problem = try #require(try answer(301, headers: [("location", location)]).problem?.description)
      #expect(problem.contains("a redirect."))
    }
  }

  @Test func readsTheQuotaInEverySpelling() throws {
    let expected = RateLimit(limit: 20, remaining: 3, resetAfter: .seconds(40))
    for prefix in ["X-RateLimit-", "x-ratelimit-", "RateLimit-", "X-Rate-Limit-"] {
      #expect(
        try rateLimit([(prefix + "Limit", "20"), (prefix + "Remaining", " 3 "), (prefix + "Reset", "40")])
          == expected)
    }
    for value in [
      "limit=20, remaining=3, reset=40", "limit=20; remaining=3; reset=40", "Limit=20,Remaining=3,Reset=40",
      "limit=\"20\", remaining=\"3\", reset=\"40\"", "limit = 20 , remaining = 3 , reset = 40.0",
    ] {
      #expect(try rateLimit([("RateLimit", value)]) == expected, "\(value)")
    }
    let named = RateLimit(policies: [.init(limit: 20, remaining: 3, window: .seconds(60), resetAfter: .seconds(40))])
    #expect(try rateLimit([("RateLimit", "\"default\";r=3;t=40"), ("ratelimit-limit", "20, 20;w=60")]) == named)
    #expect(try rateLimit([("RateLimit", "default;r=3;t=40"), ("RateLimit-Policy", "\"default\";q=20;w=60")]) == named)
    #expect(
      try rateLimit([("RateLimit", "limit=20, remaining=3, reset=40"), ("RateLimit-Policy", "20;w=60")]) == named)
    #expect(try rateLimit([("Retry-After", "7")]) == RateLimit(retryAfter: .seconds(7)))
    #expect(try rateLimit([("Retry-After", "0.25")]) == RateLimit(retryAfter: .milliseconds(250)))
    #expect(try rateLimit([]) == nil)
    #expect(try rateLimit([("x-other", "1")]) == nil)
  }

  @Test func eachPolicyIsALimitOfItsOwn() throws {
    #expect(
      try rateLimit([("RateLimit", "\"second\";r=0;t=1, \"minute\";r=19;t=60")])
        == RateLimit(policies: [
          .init(remaining: 0, resetAfter: .seconds(1)), .init(remaining: 19, resetAfter: .seconds(60)),
        ]))
    #expect(
      try rateLimit([
        ("RateLimit-Policy", "\"burst\";q=10;w=2, \"day\";q=5000;w=86400"), ("RateLimit", "\"day\";r=4321;t=40000"),
        ("RateLimit", "\"burst\";r=0;t=2"),
      ])
        == RateLimit(policies: [
          .init(limit: 5000, remaining: 4321, window: .seconds(86_400), resetAfter: .seconds(3600)),
          .init(limit: 10, remaining: 0, window: .seconds(2), resetAfter: .seconds(2)),
        ]))
    // a gateway's larger bucket beside the API's own
    #expect(
      try rateLimit([
        ("X-RateLimit-Limit", "5000"), ("X-RateLimit-Remaining", "4990"), ("X-RateLimit-Reset", "3000"),
        ("RateLimit-Limit", "20"), ("RateLimit-Remaining", "15"),
      ])
        == RateLimit(policies: [
          .init(limit: 5000, remaining: 4990, resetAfter: .seconds(3000)), .init(limit: 20, remaining: 15),
        ]))
    // what is no structured field is read all the same
    #expect(
      try rateLimit([("RateLimit", "burst per second;r=0;t=1, Minute;r=\"19\";t=60")])
        == RateLimit(policies: [
          .init(remaining: 0, resetAfter: .seconds(1)), .init(remaining: 19, resetAfter: .seconds(60)),
        ]))
  }

  @Test func eachWindowThatANameEndsWithIsALimitOfItsOwn() throws {
    #expect(
      try rateLimit([
        ("X-RateLimit-Limit-Minute", "20"), ("X-RateLimit-Remaining-Minute", "3"), ("X-RateLimit-Limit-hour", "900"),
        ("X-RateLimit-Remaining-Hour", "0"), ("x-ratelimit-remaining-second", "5"), ("X-RateLimit-Limit-Day", "5000"),
        ("RateLimit-Limit", "20"), ("RateLimit-Remaining", "2"), ("RateLimit-Reset", "40"),
        ("X-RateLimit-Limit-Fortnight", "1"), ("X-RateLimit-Remaining-", "1"), ("X-RateLimit-Remaining-Day", "soon"),
      ])
        == RateLimit(policies: [
          .init(limit: 20, remaining: 2, window: .seconds(60), resetAfter: .seconds(40)),
          .init(limit: 900, remaining: 0, window: .seconds(3600)), .init(remaining: 5, window: .seconds(1)),
          .init(limit: 5000, window: .seconds(86_400)),
        ]))
  }

  @Test func readsTimesByTheServersClock() throws {
    // the server's clock is an hour ahead of the worker's, and it makes no difference
    let date = ("Date", "Fri, 15 Jan 2027 09:00:00 GMT")
    for time in [
      "Fri, 15 Jan 2027 09:00:30 GMT", "Friday, 15-Jan-27 09:00:30 GMT", "Fri Jan 15 09:00:30 2027",
      "2027-01-15T09:00:30Z", "1800003630",
    ] {
      #expect(try rateLimit([("Retry-After", time), date])?.retryAfter == .seconds(30), "\(time)")
      #expect(
        try rateLimit([("X-RateLimit-Reset", time), date])?.policies.first?.resetAfter == .seconds(30), "\(time)")
    }
    #expect(
      try rateLimit([("X-RateLimit-Reset", "1800003612500"), date])?.policies.first?.resetAfter == .seconds(12.5))
    // without a date it is the worker's
    #expect(try rateLimit([("Retry-After", "Fri, 15 Jan 2027 08:00:30 GMT")])?.retryAfter == .seconds(30))
    #expect(try rateLimit([("X-RateLimit-Reset", "1800000012")])?.policies.first?.resetAfter == .seconds(12))
    #expect(try rateLimit([("X-RateLimit-Reset", "1700000000")])?.policies.first?.resetAfter == .zero)
  }

  @Test(arguments: [
    ("3s", 3000), ("3 s", 3000), ("3, 3", 3000), ("1,5s", 5000), ("250ms", 250), ("1m30s", 90_000), ("2 min", 120_000),
    ("0.5h", 1_800_000), ("1, soon, 4", 4000), ("90 seconds", 90_000), ("3S", 3000),
    ("\"3\"", 3000), ("PT3S", 3000), ("pt1m30s, 1", 90_000), ("PT0.5S", 500), ("1d", 3_600_000),
  ])
  func readsWaitsWithUnitsAndLists(_ value: String, _ milliseconds: Int) throws {
    #expect(try rateLimit([("Retry-After", value)])?.retryAfter == .milliseconds(milliseconds))
    #expect(try rateLimit([("RateLimit-Reset", value)])?.policies.first?.resetAfter == .milliseconds(milliseconds))
  }

  @Test func ofATimeFromNowAndAPointInTimeTheLaterCounts() throws {
    let date = ("Date", "Fri, 15 Jan 2027 09:00:00 GMT")
    for point in ["Fri, 15 Jan 2027 09:00:30 GMT", "Friday, 15-Jan-27 09:00:30 GMT", "1800003630"] {
      for (wait, expected) in [("3", 30), ("40", 40), ("soon", 30)] {
        for values in [[wait, point], [point, wait], [point, wait, point]] {
          for headers in [values.map { ("Retry-After", $0) }, [("Retry-After", values.joined(separator: ", "))]] {
            #expect(try rateLimit(headers + [date])?.retryAfter == .seconds(expected), "\(headers)")
          }
          #expect(
            try rateLimit(values.map { ("RateLimit-Reset", $0) } + [date])?.policies.first?.resetAfter
              == .seconds(expected))
        }
      }
    }
  }

  @Test func readsWaitsInMilliseconds() throws {
    #expect(try rateLimit([("Retry-After-Ms", "1250")])?.retryAfter == .milliseconds(1250))
    #expect(try rateLimit([("retry-after-ms", "125.5")])?.retryAfter == .milliseconds(125))
    #expect(try rateLimit([("Retry-After-Ms", "250"), ("Retry-After", "1")])?.retryAfter == .seconds(1))
  }

  @Test(arguments: ["X-RateLimit-", "RateLimit-", "X-Rate-Limit-"])
  func aListMeansTheSameAsSeveralHeaders(_ prefix: String) throws {
    for (name, values, expected) in [
      ("Limit", ["20", "1000"], RateLimit(limit: 20)), ("Limit", ["x", "1000", "20"], RateLimit(limit: 20)),
      ("Remaining", ["19", "0"], RateLimit(remaining: 0)), ("Remaining", ["", "0", "19"], RateLimit(remaining: 0)),
      ("Reset", ["1", "40"], RateLimit(resetAfter: .seconds(40))),
    ] {
      #expect(try rateLimit(values.map { (prefix + name, $0) }) == expected)
      #expect(try rateLimit([(prefix + name, values.joined(separator: ", "))]) == expected)
    }
    #expect(try rateLimit([("Retry-After-Ms", "250, 1250")]) == RateLimit(retryAfter: .milliseconds(1250)))
    // with windows the first is the limit, and the others are policies
    #expect(try rateLimit([(prefix + "Limit", "100, 10;w=1, 1000;w=3600")]) == RateLimit(limit: 100))
  }

  @Test func ofOneLimitTheMoreCarefulValueStands() throws {
    let both = try rateLimit([
      ("X-RateLimit-Remaining", "5"), ("RateLimit-Remaining", "2"), ("X-RateLimit-Limit", "20"),
      ("RateLimit-Limit", "20"), ("Retry-After", "3"), ("Retry-After", "9"),
    ])
    #expect(both == RateLimit(limit: 20, remaining: 2, retryAfter: .seconds(9)))
  }

  @Test func fewerThanNoCallsLeftAreNone() throws {
    let expected = RateLimit(limit: 20, remaining: 0, resetAfter: .seconds(40))
    for remaining in ["-1", "-0", " -12 ", "-0.5"] {
      #expect(
        try rateLimit([("X-RateLimit-Limit", "20"), ("X-RateLimit-Remaining", remaining), ("X-RateLimit-Reset", "40")])
          == expected)
    }
    for value in [
      "limit=20, remaining=-1, reset=40", "Limit=20,Remaining=-1,Reset=40", "\"minute\";q=20;r=-1;t=40",
      "minute;q=20;r=\"-1\";t=40", "\"minute\";q=20;r=-1.5;t=40",
    ] {
      #expect(try rateLimit([("RateLimit", value)]) == expected, "\(value)")
    }
    #expect(try rateLimit([("X-RateLimit-Limit", "-20"), ("X-RateLimit-Reset", "-40"), ("Retry-After", "-1")]) == nil)
  }

  @Test(arguments: [
    "-1", "NaN", "inf", "1e9", "", " ", "soon", "99999999999999999999", "0x10", "--", "+5", "1.2.3", ".5", "5.", "٣",
    "\u{0}", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 PST",
    "Foo, 06 Nov 1994 08:49:37 GMT", "Sun Nov  6 08:49 1994", "3 parsecs", "s", "9999999999999h",
  ])
  func hostileValuesAreIgnored(_ value: String) throws {
    #expect(try rateLimit([("Retry-After", value)]) == nil)
    #expect(try rateLimit([("Retry-After-Ms", value)]) == nil)
    #expect(try rateLimit([("X-RateLimit-Reset", value), ("X-RateLimit-Remaining", "-\(value)")]) == nil)
  }

  @Test(arguments: ["", "\"", ";;;", "=", "\"a\";r=x;t=-1", "(a b)", "a;r=99999999999999999999", "?1", ":aGk=:", ",,,"])
  func hostileRateLimitsAreIgnored(_ value: String) throws {
    let told = try rateLimit([("RateLimit", value), ("RateLimit-Policy", value)])
    #expect(told?.policies.allSatisfy { $0.remaining == nil && $0.resetAfter == nil } ?? true)
  }

  @Test func longWaitsAreBounded() throws {
    #expect(try rateLimit([("Retry-After", "86400")])?.retryAfter == .seconds(3600))
    #expect(try rateLimit([("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT")])?.retryAfter == .seconds(3600))
    #expect(try rateLimit([("X-RateLimit-Reset", "999999999999999")])?.policies.first?.resetAfter == .seconds(3600))
    let long = String(repeating: "31536000d", count: 10_000)
    #expect(try rateLimit([("Retry-After", long)])?.retryAfter == .seconds(3600))
    #expect(try rateLimit([("X-RateLimit-Limit", "5000000000")]) == nil)
  }
}

struct HTTPDateTests {
  @Test(arguments: [
    ("Thu, 01 Jan 1970 00:00:00 GMT", Int64(0)), ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
    ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600), ("Fri, 15 Jan 2027 08:00:00 GMT", 1_800_000_000),
    ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799), ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
    ("Sun Nov  6 08:49:37 1994", 784_111_777), ("Tuesday, 29-Feb-00 12:00:00 GMT", 951_825_600),
    ("Wednesday, 31-Dec-69 23:59:59 GMT", 3_155_759_999), ("Tue Feb 29 12:00:00 2000", 951_825_600),
    ("sun, 6 nov 1994 08:49:37 utc", 784_111_777),
  ])
  func readsDates(_ text: String, _ seconds: Int64) {
    #expect(HTTPDate.seconds(text) == seconds)
    #expect(HTTPDate.seconds(Array(text.utf8).span) == seconds)
  }

  /// The form that servers send has a reader of its own: it agrees with the one for all forms, on changed dates too.
  @Test func bothReadersAgree() {
    var random = SplitMix64(seed: 20_261_127)
    var read = 0
    for _ in 0..<20_000 {
      var bytes = Array("Sun, 06 Nov 1994 08:49:37 GMT".utf8)
      for _ in 0..<Int.random(in: 0...2, using: &random) {
        let place = bytes.indices.randomElement(using: &random) ?? 0
        bytes[place] = Array("0123456789 :,GMTadejnouvSunWed".utf8).randomElement(using: &random) ?? 0
      }
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(HTTPDate.seconds(bytes.span) == HTTPDate.seconds(text), "\(text)")
      if HTTPDate.seconds(text) != nil { read += 1 }
    }
    #expect((5000..<20_000).contains(read))
  }
}
