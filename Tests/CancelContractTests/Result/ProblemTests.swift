import CancelContract
import Testing

struct ProblemTests {
  @Test func `a problem of ours has its members`() {
    let problem = Problem(
      .credentialRefused,
      detail: "the key \"is\" refused",
      status: 401,
      member: "account",
      since: Timestamp(milliseconds: 1_785_402_900_250)
    )
    #expect(
      problem.description
        == #"{"type":"urn:cancel-worker:problem:credential-refused","title":"The API refuses the account's credential","#
        + #""status":401,"detail":"the key \"is\" refused","member":"account","since":"2026-07-30T09:15:00.250Z"}"#
    )
    #expect(problem.problemType == .credentialRefused)
    #expect(problem.title == ProblemType.credentialRefused.title)
    #expect(problem.detail == "the key \"is\" refused")
    #expect(problem.status == 401)
  }

  @Test func `optional members are left out`() {
    let problem = Problem(.emptyValue, detail: "d")
    #expect(problem.status == nil)
    #expect(!problem.description.contains("status"))
    #expect(!problem.description.contains("null"))
  }

  @Test(arguments: ProblemType.allCases)
  func `types are stable and come back from their URI`(type: ProblemType) {
    #expect(ProblemType(uri: type.uri) == type)
    #expect(Problem(type, detail: "d").problemType == type)
  }

  @Test func `the API's problem is kept as it came`() {
    let body =
      #"{ "type":"https://tools.ietf.org/html/rfc9110#section-15.5.5","title":null, "traceId":"00-ab","errors":{"a":[1.50]}}"#
    let problem = Problem(apiBody: Array((body + "\r\n").utf8), status: 404)
    #expect(problem.description == body)
    #expect(problem.title == nil)
    #expect(problem.status == nil)
    #expect(problem.problemType == nil)
    #expect(Problem(apiBody: [0xEF, 0xBB, 0xBF] + Array("{}".utf8), status: 400).description == "{}")
  }

  @Test(arguments: [
    ("", "sent no body"), ("<html><body>Bad Gateway</body></html>", "not JSON"), ("[1]", "not an object"),
    ("\"x\"", "not an object"), ("{\"a\":", "not JSON"), (" ", "not JSON"),
    ("{\"a\":\"" + String(repeating: "x", count: 64 * 1024) + "\"}", "more than 65536 bytes"),
    (String(repeating: "{\"a\":", count: 64) + "1" + String(repeating: "}", count: 64), "not JSON"),
  ])
  func `other content becomes a problem of the status`(body: String, says: String) {
    let problem = Problem(apiBody: Array(body.utf8), status: 502)
    #expect(problem.problemType == .apiStatus)
    #expect(problem.status == 502)
    #expect(problem.detail?.hasPrefix("the API answered 502 and ") == true)
    #expect(problem.detail?.contains(says) == true)
    #expect(!problem.description.contains("<"))
  }

  @Test(arguments: [
    #"{"type":"urn:cancel-worker:problem:credential-refused","detail":"x"}"#,
    #"{"type":"about:blank","ty\u0070e":"urn:cancel-worker:problem:made-up"}"#,
  ])
  func `a problem from the API never passes for one of ours`(body: String) {
    let problem = Problem(apiBody: Array(body.utf8), status: 404)
    #expect(problem.problemType == .apiStatus)
    #expect(problem.detail == "the API answered 404 and sent a problem with a type of this worker, which is left out")
  }

  @Test func `members of another kind are none`() {
    let problem = Problem(json: JSONText(wellFormed: Array(#"{"type":5,"title":[],"status":"404","detail":{}}"#.utf8)))
    #expect(problem.type == nil)
    #expect(problem.title == nil)
    #expect(problem.status == nil)
    #expect(problem.detail == nil)
  }
}
