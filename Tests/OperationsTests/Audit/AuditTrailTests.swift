import CancelContract
import Testing

@testable import Operations

@Suite struct AuditTrailTests {
  private static let start = Timestamp(milliseconds: 1_700_000_000_000)

  private static func echo(_ offset: Int64, _ details: RequestDetails = RequestDetails()) -> RequestEcho {
    RequestEcho(
      cancelID: "c-\(offset)", source: SourceCoordinates(topic: "requests", partition: 0, offset: offset),
      details: details)
  }

  private static func result(
    _ offset: Int64, order: Int64? = 1, outcome: CancelOutcome = .accepted, problem: Problem? = nil,
    answeredAfter: Duration = .milliseconds(5), _ details: RequestDetails = RequestDetails()
  ) -> CancelResult {
    CancelResult(
      echo: echo(offset, details), orderID: order.flatMap { OrderID($0) }, account: "desk", outcome: outcome,
      problem: problem,
      stages: CancelResult.Stages(
        produced: start + .seconds(offset), received: start + .seconds(offset),
        answered: start + .seconds(offset) + answeredAfter))
  }

  @Test func requestsResultsAndConfirmationsBecomeOneLineEach() throws {
    var trail = AuditTrail(AuditTrail.Filter(), limit: 100, startedAt: Self.start + .seconds(60))
    let details = RequestDetails(
      reason: "limit", origin: RequestDetails.Origin(system: "risk", actor: "ann"), campaignID: "ks-1")
    try trail.take(Self.result(2, order: 7, details))
    try trail.take(
      Self.result(1, order: 8, outcome: .failed, problem: Problem(.credentialRefused, detail: "renew the key")))
    trail.take(
      ConfirmationEvent(
        echo: Self.echo(2, details), orderID: try #require(OrderID(7)), account: "desk", verdict: .cancelled,
        status: OrderStatus(id: 7, name: "Canceled"), lookups: 1, acceptedAt: Self.start, confirmedAt: Self.start))
    for offset: Int64 in 0..<3 {
      try trail.take(
        request: Self.echo(offset), orderID: OrderID(9), account: nil, producedAt: Self.start + .seconds(offset))
    }
    let lines = trail.lines
    #expect(lines.map(\.outcome) == ["unanswered", "failed", "accepted"])
    #expect(lines.map(\.orderID) == [9, 8, 7])
    #expect(lines[2].actor == "ann" && lines[2].system == "risk" && lines[2].reason == "limit")
    #expect(lines[2].campaignID == "ks-1" && lines[2].confirmation == "cancelled")
    #expect(lines[2].confirmedStatus == "Canceled" && lines[2].source == "requests/0/2")
    #expect(lines[1].problemType?.hasSuffix("credential-refused") == true && lines[1].problem == "renew the key")
    #expect(lines[0].answeredAt == nil && lines[0].requestedAt == "2023-11-14T22:13:20.000Z")
  }

  @Test func onlyWhatIsLookedForIsKept() throws {
    let ann = RequestDetails(origin: RequestDetails.Origin(actor: "ann"), campaignID: "c")
    func count(_ change: (inout AuditTrail.Filter) -> Void) throws -> Int {
      var filter = AuditTrail.Filter()
      change(&filter)
      var trail = AuditTrail(filter, limit: 100, startedAt: Self.start + .seconds(60))
      for offset: Int64 in 0..<10 { try trail.take(Self.result(offset, order: offset + 1, offset < 4 ? ann : .init())) }
      for offset: Int64 in 8..<12 {
        try trail.take(
          request: Self.echo(offset), orderID: OrderID(offset + 1), account: "other",
          producedAt: Self.start + .seconds(offset))
      }
      return trail.lines.count
    }
    #expect(try count { _ in } == 12)
    #expect(try count { $0.orderID = 3 } == 1)
    #expect(try count { $0.actor = "ann" } == 4)
    #expect(try count { $0.campaignID = "c" } == 4)
    #expect(try count { $0.account = "other" } == 2)
    #expect(try count { $0.since = Self.start + .seconds(9) } == 3)
  }

  @Test func eachOrderOfASweepHasALineAndARepeatedResultHasNone() throws {
    var trail = AuditTrail(AuditTrail.Filter(), limit: 100, startedAt: Self.start + .seconds(60))
    for order: Int64? in [1, 2, nil, 2] { try trail.take(Self.result(0, order: order)) }
    #expect(trail.lines.map(\.orderID) == [1, 2, nil])
  }

  @Test func aSweepThatHasNoResultYetIsUnansweredThoughItsOrdersHaveTheirs() throws {
    var trail = AuditTrail(AuditTrail.Filter(), limit: 100, startedAt: Self.start + .seconds(60))
    try trail.take(Self.result(0, order: 1, RequestDetails(sweptBy: "ks-1")))
    try trail.take(request: Self.echo(0), orderID: nil, account: "desk", producedAt: Self.start)
    #expect(trail.lines.map(\.outcome) == ["accepted", "unanswered"])
  }

  @Test func nothingIsSaidOfARequestThatIsYoungerThanTheReading() throws {
    var trail = AuditTrail(AuditTrail.Filter(), limit: 100, startedAt: Self.start + .seconds(5))
    for offset: Int64 in 4..<7 {
      try trail.take(
        request: Self.echo(offset), orderID: OrderID(1), account: nil, producedAt: Self.start + .seconds(offset))
    }
    #expect(trail.lines.map(\.source) == ["requests/0/4"])
  }

  @Test func moreThanTheLimitIsAnErrorThatSaysWhatToDo() throws {
    var trail = AuditTrail(AuditTrail.Filter(), limit: 2, startedAt: Self.start + .seconds(60))
    try trail.take(Self.result(0))
    try trail.take(Self.result(1))
    let error = #expect(throws: AuditTrail.TooMany.self) { try trail.take(Self.result(2)) }
    #expect(error?.description.contains("--limit") == true)
  }

  @Test(arguments: [
    ("plain", "plain"), ("a,b", "\"a,b\""), ("say \"no\"", "\"say \"\"no\"\"\""), ("two\nlines", "\"two\nlines\""),
    ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), ("\t=1", "'\t=1"), ("=a,b", "\"'=a,b\""), ("", ""),
    ("=\u{301}1+1", "'=\u{301}1+1"), ("=\u{200D}1", "'=\u{200D}1"),
    ("a,\u{301}b", "\"a,\u{301}b\""), ("\r\n=1", "\"'\r\n=1\""),
  ])
  func aFieldIsQuotedAndIsNoFormula(reason: String, field: String) throws {
    let line = AuditLine(Self.result(0, RequestDetails(reason: reason)))
    let columns = AuditLine.columns.map(\.name)
    let place = try #require(columns.firstIndex(of: "reason"))
    let before = columns[..<place].map { name in AuditLine.columns.first { $0.name == name }?.value(line) ?? "" }
    let start = before.joined(separator: ",") + ","
    #expect(line.csv.hasPrefix(start + field + ","), "\(line.csv)")
  }

  @Test func jsonLeavesOutWhatIsNotThere() {
    let json = AuditLine(Self.result(0, order: nil)).json
    #expect(json.contains("\"outcome\":\"accepted\"") && !json.contains("orderId") && !json.contains("null"))
  }
}
