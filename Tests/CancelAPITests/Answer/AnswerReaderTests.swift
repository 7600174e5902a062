import CancelContract
import Testing

@testable import CancelAPI

struct AnswerReaderTests {
  private static let now = Timestamp(milliseconds: 1_800_000_000_000)

  private func answer(
    _ status: Int, headers: [(String, String)] = [], body: String = ""
  ) throws -> CancelAnswer {
    var taken = AnswerHeaders()
    for (name, value) in headers { taken.take(name: name, value: value) }
    return AnswerReader.answer(
      status: status, headers: taken, body: Array(body.utf8), credential: try Canary.pair().credential, now: Self.now)
  }

  private func rateLimit(_ headers: [(String, String)]) throws -> RateLimit? {
    try answer(200, headers: headers).rateLimit
  }

  @Test func everyStatusHasOneKind() throws {
    for status in 0...1000 {
      let answer = try answer(status)
      let expected: CancelAnswer.Kind =
        switch status {
        case 200...299: .accepted
        case 401, 403: .credentialRefused
        case 429: .throttled
        case 408, 425, 300...399, 500...599: .transient
        case 400...499: .rejected
        default: .ambiguous
        }
      #expect(answer.kind == expected, "\(status)")
      #expect(answer.httpStatus == status)
      #expect((answer.problem == nil) == (expected == .accepted))
    }
  }

  @Test(arguments: [
    ("{\"token\":\"abc\"}", "abc"), (" {\n\"other\" : [1, {\"token\":\"x\"}, true], \"token\" : \"abc\" } ", "abc"),
    ("{\"token\":null}", nil), ("{\"token\":5}", nil), ("{\"token\":{\"token\":\"x\"}}", nil),
    ("{\"token\":\"\"}", nil),
    ("[\"token\"]", nil), ("\"token\"", nil), ("", nil), ("{", nil), ("{\"token\":\"abc\"", nil),
    ("{\"token\":\"abc\"}}", nil), ("{\"token\":\"abc\"} x", nil), ("{\"Token\":\"abc\"}", nil),
    ("{\"token\":\"a\",\"token\":\"b\"}", "b"), ("{\"token\":\"a\\nb\"}", nil), ("{\"token\":\"a b\"}", nil),
    ("{\"a\":\"\\\"\",\"token\":\"abc\"}", "abc"), ("{\"token\":\"abc\",}", nil), ("{\"token\" \"abc\"}", nil),
    ("<html>", nil), ("{\"token\":\"\u{0}\"}", nil), ("{\"token\":\"a\\", nil),
  ])
  func readsTheToken(_ body: String, _ token: String?) throws {
    #expect(try answer(200, body: body) == CancelAnswer(kind: .accepted, httpStatus: 200, token: token))
  }

  @Test func aTokenHasABound() throws {
    let longest = String(repeating: "t", count: ConfirmationToken.longest)
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
    #expect(try rateLimit([("RateLimit", "limit=20, remaining=3, reset=40")]) == expected)
    #expect(try rateLimit([("RateLimit", "\"default\";r=3;t=40"), ("ratelimit-limit", "20, 20;w=60")]) == expected)
    #expect(try rateLimit([("Retry-After", "7")]) == RateLimit(retryAfter: .seconds(7)))
    #expect(try rateLimit([("Retry-After", "0.25")]) == RateLimit(retryAfter: .milliseconds(250)))
    #expect(try rateLimit([]) == nil)
    #expect(try rateLimit([("x-other", "1")]) == nil)
  }

  @Test func readsTimesByTheServersClock() throws {
    // the server's clock is an hour ahead of the worker's, and it makes no difference
    let date = ("Date", "Fri, 15 Jan 2027 09:00:00 GMT")
    #expect(try rateLimit([("Retry-After", "Fri, 15 Jan 2027 09:00:30 GMT"), date])?.retryAfter == .seconds(30))
    #expect(try rateLimit([("X-RateLimit-Reset", "1800003612"), date])?.resetAfter == .seconds(12))
    #expect(try rateLimit([("X-RateLimit-Reset", "1800003612500"), date])?.resetAfter == .milliseconds(12_500))
    // without a date it is the worker's
    #expect(try rateLimit([("Retry-After", "Fri, 15 Jan 2027 08:00:30 GMT")])?.retryAfter == .seconds(30))
    #expect(try rateLimit([("X-RateLimit-Reset", "1800000012")])?.resetAfter == .seconds(12))
    #expect(try rateLimit([("X-RateLimit-Reset", "1700000000")])?.resetAfter == .zero)
  }

  @Test func theMoreCarefulValueStands() throws {
    let both = try rateLimit([
      ("X-RateLimit-Remaining", "5"), ("RateLimit-Remaining", "2"), ("X-RateLimit-Limit", "30"),
      ("RateLimit-Limit", "20"), ("Retry-After", "3"), ("Retry-After", "9"),
    ])
    #expect(both == RateLimit(limit: 20, remaining: 2, retryAfter: .seconds(9)))
  }

  @Test(arguments: [
    "-1", "NaN", "inf", "1e9", "", " ", "soon", "99999999999999999999", "0x10", "1,5s", "--", "+5", "1.2.3", ".5", "5.",
    "٣", "\u{0}", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
  ])
  func hostileValuesAreIgnored(_ value: String) throws {
    #expect(try rateLimit([("Retry-After", value)]) == nil)
    let reset = try rateLimit([("X-RateLimit-Reset", value), ("X-RateLimit-Remaining", "-\(value)")])
    #expect(reset == nil || reset?.resetAfter == .seconds(1) && value == "1,5s")
  }

  @Test func longWaitsAreBounded() throws {
    #expect(try rateLimit([("Retry-After", "86400")])?.retryAfter == .seconds(3600))
    #expect(try rateLimit([("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT")])?.retryAfter == .seconds(3600))
    #expect(try rateLimit([("X-RateLimit-Reset", "999999999999999")])?.resetAfter == .seconds(3600))
    #expect(try rateLimit([("X-RateLimit-Limit", "5000000000")]) == nil)
  }
}

struct HTTPDateTests {
  @Test(arguments: [
    ("Thu, 01 Jan 1970 00:00:00 GMT", Int64(0)), ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
    ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600), ("Fri, 15 Jan 2027 08:00:00 GMT", 1_800_000_000),
    ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
  ])
  func readsDates(_ text: String, _ seconds: Int64) {
    let bytes = Array(text.utf8)
    #expect(HTTPDate.seconds(bytes.span) == seconds)
  }
}
