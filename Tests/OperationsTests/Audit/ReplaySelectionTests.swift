import CancelContract
import Testing

@testable import Operations

@Suite struct ReplaySelectionTests {
  private static let start = Timestamp(milliseconds: 1_700_000_000_000)

  private static func result(
    _ offset: Int64, order: Int64, _ outcome: CancelOutcome, problem: Problem? = nil, account: AccountName = "desk",
    _ details: RequestDetails = RequestDetails()
  ) -> CancelResult {
    CancelResult(
      echo: RequestEcho(
        cancelID: "c-\(offset)", source: SourceCoordinates(topic: "requests", partition: 0, offset: offset),
        details: details),
      orderID: OrderID(order), account: account, outcome: outcome, problem: problem,
      stages: CancelResult.Stages(
        produced: start, received: start, answered: start + .seconds(offset)))
  }

  private func selection(
    _ results: [CancelResult], _ change: (inout ReplaySelection.Filter) -> Void = { _ in }
  ) -> ReplaySelection {
    var filter = ReplaySelection.Filter()
    filter.outcomes = [.failed]
    change(&filter)
    var selection = ReplaySelection(filter)
    for result in results { selection.take(result) }
    return selection
  }

  @Test func whatWasSettledSinceIsNotAskedForAgain() {
    let results = [
      Self.result(0, order: 1, .failed), Self.result(1, order: 1, .accepted), Self.result(2, order: 2, .failed),
      Self.result(3, order: 3, .failed), Self.result(4, order: 3, .rejected), Self.result(5, order: 4, .accepted),
      Self.result(6, order: 4, .failed), Self.result(7, order: 2, .failed),
      Self.result(8, order: 2, .failed, account: "b"),
    ]
    #expect(selection(results).results.map(\.source.offset) == [6, 7, 8])
    // The order in which partitions are read says nothing.
    #expect(selection(results.reversed()).results.map(\.source.offset) == [6, 7, 8])
  }

  @Test func onlyWhatIsLookedForIsChosen() {
    let refused = Problem(.credentialRefused, detail: "x")
    let results = [
      Self.result(0, order: 1, .failed, problem: refused),
      Self.result(1, order: 2, .failed, account: "b", RequestDetails(campaignID: "k")),
      Self.result(2, order: 3, .expired), Self.result(3, order: 4, .accepted), Self.result(4, order: 5, .acknowledged),
    ]
    #expect(selection(results) { $0.problem = "credential-refused" }.results.map(\.source.offset) == [0])
    #expect(selection(results) { $0.account = "b" }.results.map(\.source.offset) == [1])
    #expect(selection(results) { $0.campaignID = "k" }.results.map(\.source.offset) == [1])
    #expect(selection(results) { $0.outcomes = [.expired, .accepted] }.results.map(\.source.offset) == [2])
  }

  @Test func aRequestGoesAgainAsItWasUnderNamesOfItsOwn() throws {
    let details = RequestDetails(
      reason: "limit", origin: RequestDetails.Origin(actor: "ann"), campaignID: "old", sweptBy: nil)
    var swept = details
    swept.sweptBy = "sweep"
    var selection = selection([
      Self.result(0, order: 1, .failed, details), Self.result(1, order: 2, .failed, details),
      Self.result(2, order: 3, .failed, swept),
    ])
    selection.take(.killSwitch, of: SourceCoordinates(topic: "requests", partition: 0, offset: 1))
    var ids = 0
    let requests = selection.requests(campaignID: "again", decidedAt: Self.start) {
      ids += 1
      return "id-\(ids)"
    }
    #expect(requests.map(\.cancelID) == ["id-1", "id-2", "id-3"])
    #expect(requests.map(\.orderID.value) == [1, 2, 3])
    #expect(requests.map(\.priority) == [.routine, .killSwitch, .killSwitch])
    #expect(requests.allSatisfy { $0.deadline == nil && $0.account == "desk" })
    #expect(requests.allSatisfy { $0.details.campaignID == "again" && $0.details.campaignSize == 3 })
    #expect(requests.allSatisfy { $0.details.sweptBy == nil && $0.details.reason == "limit" })
    #expect(requests.allSatisfy { $0.details.origin?.actor == "ann" })
  }
}
