import CancelContract
import Testing

@Suite struct SweepRequestTests {
  private let fixture = RequestFixture()

  @Test func anAccountsSweepIsAKillSwitchUnlessItSaysOtherwise() throws {
    let sweep = try fixture.sweep(#"{"scope":"account","account":"desk-a","cancelId":"ks-7"}"#)
    #expect(sweep == SweepRequest(cancelID: "ks-7", scope: .account("desk-a")))
    #expect(sweep.priority == .killSwitch && sweep.campaignID == "ks-7")
    let routine = try fixture.sweep(#"{"scope":"account","priority":"routine","cancelId":"ks-8","campaignId":"c"}"#)
    #expect(routine.priority == .routine && routine.scope == .account(nil) && routine.campaignID == "c")
  }

  @Test func allAccountsMayBeNarrowedDown() throws {
    let sweep = try fixture.sweep(
      #"{"scope":"all","accounts":["a","b"],"environment":"real","cancelId":"x","dryRun":true}"#)
    #expect(sweep.scope == .all(accounts: ["a", "b"], environment: .real) && sweep.isDryRun)
  }

  @Test(arguments: [("\"60s\"", 60_000), ("\"1500ms\"", 1500), ("\"5m\"", 300_000), ("\"1h\"", 3_600_000)])
  func aSwitchTellsItsTime(text: String, milliseconds: Int) throws {
    let sweep = try fixture.sweep(#"{"scope":"account","after":\#(text)}"#)
    #expect(sweep.start == .after(.milliseconds(milliseconds)))
  }

  @Test func aSwitchIsDisarmedWithOff() throws {
    #expect(try fixture.sweep(#"{"scope":"account","after":"off"}"#).start == .off)
  }

  @Test(
    arguments: [
      (#"{"scope":"account","orderId":5}"#, "scope"),
      (#"{"scope":"desk"}"#, "scope"),
      (#"{"scope":7}"#, "scope"),
      (#"{"scope":"all","account":"a"}"#, "account"),
      (#"{"scope":"account","accounts":["a"]}"#, "accounts"),
      (#"{"scope":"account","environment":"real"}"#, "environment"),
      (#"{"scope":"all","environment":"live"}"#, "environment"),
      (#"{"scope":"all","accounts":[]}"#, "accounts"),
      (#"{"scope":"all","accounts":["a",5]}"#, "accounts"),
      (#"{"scope":"account","after":"soon"}"#, "after"),
      (#"{"scope":"account","after":60}"#, "after"),
      (#"{"scope":"account","after":"999ms"}"#, "after"),
      (#"{"scope":"account","after":"169h"}"#, "after"),
      (#"{"scope":"account","after":"60s","dryRun":true}"#, "dryRun"),
      (#"{"scope":"account","dryRun":"yes"}"#, "dryRun"),
      (#"{"orderId":5,"dryRun":true}"#, "dryRun"),
      (#"{"orderId":5,"after":"60s"}"#, "after"),
      (#"{"orderId":5,"accounts":["a"]}"#, "accounts"),
      (#"{"orderId":5,"environment":"demo"}"#, "environment"),
      (#"{"orderId":5,"campaignSize":0}"#, "campaignSize"),
      (#"{"orderId":5,"confirm":1}"#, "confirm"),
    ])
  func whatCantBeMeantIsInvalidAndNamesTheMember(text: String, member: String) throws {
    let refusal = try fixture.refusal(text)
    #expect(refusal.problem.problemType == .memberInvalid)
    #expect(refusal.problem.detail?.contains("`\(member)`") == true, "\(refusal.problem)")
  }

  @Test func whatIsWrittenIsReadBack() throws {
    for sweep in [
      SweepRequest(cancelID: "a", scope: .account("desk"), details: RequestDetails(reason: "limit", campaignSize: 3)),
      SweepRequest(cancelID: "b", scope: .all(accounts: ["x", "y"], environment: .demo), priority: .routine),
      SweepRequest(
        cancelID: "c", scope: .account(nil), deadline: RequestFixture.producedAt, start: .after(.seconds(90))),
      SweepRequest(
        cancelID: "d", scope: .all(accounts: [], environment: nil), isDryRun: true,
        details: RequestDetails(wantsConfirmation: true)),
      SweepRequest(cancelID: "e", scope: .account("desk"), start: .off),
    ] {
      let record = RequestEncoder(.plain).encode(sweep, at: RequestFixture.producedAt)
      let read = try fixture.sweep(String(decoding: try #require(record.value), as: UTF8.self))
      #expect(read == sweep)
    }
  }

  @Test func aSwitchAndItsRenewalsHaveTheSameKey() {
    let encoder = RequestEncoder(.plain)
    func key(_ start: SweepRequest.Start) -> [UInt8]? {
      encoder.encode(SweepRequest(cancelID: "x", scope: .account("desk"), start: start), at: RequestFixture.producedAt)
        .key
    }
    #expect(key(.after(.seconds(5))) == Array("desk".utf8) && key(.off) == key(.after(.seconds(9))))
  }
}

@Suite struct SweepEventTests {
  private static let time = RequestFixture.producedAt
  private static let echo = RequestEcho(
    cancelID: "ks-7", source: RequestFixture.source, key: Array("desk".utf8),
    details: RequestDetails(campaignID: "ks-7"))
  private static let worker = WorkerIdentity(instance: "w", version: "1")

  private static func result(_ state: SweepReport.Switch?) -> CancelResult {
    var report = SweepReport(scope: .all, accounts: ["a", "b"])
    report.counts.listed = 7
    report.counts.accepted = 4
    report.counts.expired = 2
    report.counts.remaining = 1
    report.remainingOrders = OrderID(9).map { [.init(orderID: $0, account: "b")] } ?? []
    report.notCancellable = NotCancellable(closingOrders: 2, copiedOrders: 5)
    report.lists = 3
    report.estimatedEnd = time
    report.deadMansSwitch = state
    return CancelResult(
      echo: echo, orderID: nil, account: nil, outcome: .acknowledged,
      stages: .init(produced: time, received: time, answered: time), sweep: report)
  }

  @Test(
    arguments: [
      nil, .armed(until: RequestFixture.producedAt), .disarmed(wasArmed: true), .disarmed(wasArmed: false),
      .fired(due: RequestFixture.producedAt),
    ] as [SweepReport.Switch?])
  func aSweepsResultIsReadAsItWasWritten(state: SweepReport.Switch?) throws {
    let result = Self.result(state)
    let record = ResultEncoder(worker: Self.worker, eventSource: "/w").encode(result)
    let event = try ResultDecoder().decode(value: record.value, key: record.key, headers: record.headers)
    #expect(event.result == result)
  }

  @Test func eachEventOfASweepHasAnIdOfItsOwn() throws {
    let order = try #require(OrderID(5))
    var details = RequestDetails(campaignID: "ks-7", sweptBy: "ks-7")
    details.reason = "limit"
    func swept(_ account: AccountName) -> CancelResult {
      CancelResult(
        echo: RequestEcho(cancelID: "ks-7/5", source: RequestFixture.source, details: details), orderID: order,
        account: account, outcome: .accepted,
        stages: .init(produced: Self.time, received: Self.time, answered: Self.time))
    }
    let ids = [
      EventIdentity.id(of: Self.result(nil)), EventIdentity.id(of: Self.result(.fired(due: Self.time))),
      EventIdentity.id(of: swept("a")), EventIdentity.id(of: swept("b")),
      EventIdentity.confirmation(of: RequestFixture.source, order, "a"),
    ]
    #expect(Set(ids).count == ids.count)
    #expect(EventIdentity.id(of: Self.result(nil)) == EventIdentity.result(of: RequestFixture.source))
  }

  @Test func aCampaignsRecordIsReadAsItWasWritten() throws {
    var record = CampaignRecord(
      campaignID: "ks-7", partition: 2, state: .running, size: 40, waitingFor: .quota, estimatedEnd: Self.time,
      firstProducedAt: Self.time, lastAnsweredAt: nil, updatedAt: Self.time)
    record.counts.outcomes = [.accepted: 5, .failed: 1]
    record.counts.waiting = 3
    record.accounts["a"] = record.counts
    let written = CampaignEncoder(worker: Self.worker, eventSource: "/w").encode(record)
    #expect(try CampaignDecoder().decode(value: written.value, headers: written.headers) == record)
    #expect(written.key == Array("ks-7".utf8))
  }

  @Test func aConfirmationIsReadAsItWasWritten() throws {
    let event = ConfirmationEvent(
      echo: Self.echo, orderID: try #require(OrderID(5)), account: "a", verdict: .partlyFilled,
      status: OrderStatus(id: 9, name: "CanceledPartiallyFilled", errorCode: 0, errorMessage: nil), problem: nil,
      lookups: 3, acceptedAt: Self.time, confirmedAt: Self.time)
    let written = ConfirmationEncoder(worker: Self.worker, eventSource: "/w").encode(event)
    #expect(try ConfirmationDecoder().decode(value: written.value, key: written.key, headers: written.headers) == event)
  }
}
