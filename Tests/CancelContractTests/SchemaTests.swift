import CancelContract
import CancelCore
@testable import Fuzz
import Testing

/// Holds what the worker writes and reads against the rules of the published schemas.
struct SchemaTests {
  private static let encoder = ResultEncoder(worker: Golden.worker, eventSource: Golden.eventSource)

  /// Bodies of problems as APIs and frameworks send them, with members of other types than RFC 9457 has.
  private static let bodies = [
    #"{"status":"404"}"#, #"{"detail":[{"loc":["body","orderId"],"msg":"x","type":"value_error"}]}"#,
    #"{"errors":{"orderId":["is not valid"]},"title":"One or more validation errors occurred.","status":400}"#,
    #"{"type":7,"title":{},"detail":true,"instance":[],"status":4.5,"member":1,"since":0}"#,
    #"{"type":null,"title":null,"status":null,"detail":null,"instance":null}"#, #"{"status":99999999999999999999}"#,
    #"{"type":"urn:cancel-worker:problem:outcome-unknown","status":"no","detail":{}}"#,
    #"{"t\u0079pe":"urn:cancel-worker:problem:made-up","title":[]}"#,
    #"{"type":"about:blank","type":"urn:cancel-worker:problem:made-up","title":[]}"#,
    #"{}"#, "", "[]", "null", "<html>", #""text""#, "{\"a\":\u{FEFF}1}",
  ]

  @Test func `a result validates whatever the API answers`() throws {
    let schema = try JSONSchema("result")
    let seed = UInt64.random(in: 0..<1 << 32)
    var random = SplitMix64(seed: seed)
    for run in 0..<4000 {
      var body = run < Self.bodies.count ? Array(Self.bodies[run].utf8) : RandomResults.problem(&random).json.utf8
      if run >= Self.bodies.count, random.oneIn(3) {
        body = random.oneIn(4) ? Mutation.noise(&random) : Mutation.spoil(body, &random)
      }
      let status = 100 + random.below(500)
      var result = RandomResults.result(&random)
      result.echo.cancelID += "c"
      result.outcome = random.pick([.rejected, .failed, .expired])
      result.token = nil
      result.httpStatus = status
      result.problem = Problem(apiBody: body, status: status)
      let value = try JSONValue(try #require(Self.encoder.encode(result).value))
      #expect(schema.faults(of: value) == [], "seed \(seed), body \(String(decoding: body, as: UTF8.self))")
    }
  }

  @Test(arguments: ProblemType.allCases)
  func `a problem of the worker's own has typed members`(type: ProblemType) throws {
    let schema = try JSONSchema("result")
    var result = Golden.answer(
      .failed, problem: Problem(type, detail: "d", status: 400, member: "m", since: .distantPast))
    let value = try JSONValue(try #require(Self.encoder.encode(result).value))
    #expect(schema.faults(of: value) == [])
    result.problem = Problem(json: JSONText(wellFormed: Array(#"{"type":"\#(type.uri)","title":"t","detail":5}"#.utf8)))
    let wrong = try JSONValue(try #require(Self.encoder.encode(result).value))
    #expect(schema.faults(of: wrong) != [])
  }

  @Test func `acceptances and progress events validate`() throws {
    var random = SplitMix64(seed: 3)
    let (results, progress) = (try JSONSchema("result"), try JSONSchema("progress"))
    for _ in 0..<500 {
      var result = RandomResults.result(&random)
      result.echo.cancelID += "c"
      result.outcome = random.oneIn(2) ? .accepted : .acknowledged
      result.problem = nil
      #expect(results.faults(of: try JSONValue(try #require(Self.encoder.encode(result).value))) == [])
      var event = RandomResults.progress(&random)
      event.echo.cancelID += "c"
      let record = ProgressEncoder(worker: Golden.worker, eventSource: Golden.eventSource).encode(event)
      #expect(progress.faults(of: try JSONValue(try #require(record.value))) == [])
    }
  }

  @Test func `the decoder takes a request exactly where the schema does`() throws {
    let schema = try JSONSchema("request")
    let seed = UInt64.random(in: 0..<1 << 32)
    var random = SplitMix64(seed: seed)
    var valid = 0
    for _ in 0..<6000 {
      let request = RandomRequests.request(&random)
      var text = RequestEncoder(.plain).encode(request, at: Golden.time(0)).value ?? []
      if !random.oneIn(4) { text = Mutation.spoil(text, &random) }
      guard let value = try? JSONValue(text), !text.isEmpty else { continue }
      switch RequestFixture().decode(text) {
      case .success:
        valid += 1
        #expect(schema.faults(of: value) == [], "seed \(seed): \(String(decoding: text, as: UTF8.self))")
      case .failure(let unreadable):
        // JSON Schema has no word for members that appear twice, nor for CloudEvents.
        if unreadable.problem.problemType == .duplicateMember || value["specversion"] != nil { continue }
        #expect(schema.faults(of: value) != [], "seed \(seed): \(unreadable.problem)")
      }
    }
    #expect(valid > 1000)
  }
}
