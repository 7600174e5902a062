import CancelContract
import Testing

@testable import cancel_worker

@Suite struct RequestInputTests {
  private let now = Timestamp(milliseconds: 1_700_000_000_000)

  private func read(_ text: String, _ change: (inout RequestInput.Defaults) -> Void = { _ in }) throws
    -> [CancelRequest]
  {
    var defaults = RequestInput.Defaults(now: now)
    change(&defaults)
    return try RequestInput(defaults: defaults).read(Array(text.utf8))
  }

  private func faults(_ text: String) -> [String] {
    do {
      return try read(text).map { "no fault in order \($0.orderID)" }
    } catch {
      return (error as? RequestInput.Faults)?.lines.map { "\($0.line): \($0.message)" } ?? ["\(error)"]
    }
  }

  @Test func whatTheCommandLineSaysOfAllHoldsForEachLineThatSaysNothingElse() throws {
    let requests = try read(
      """
      {"orderId": 1}
      {"orderId": 2, "origin": {"actor": "bob"}, "campaignId": "own", "campaignSize": 9}
      """
    ) {
      ($0.actor, $0.campaignID, $0.campaignSize, $0.reason) = ("ann", "all", 2, "limit")
      $0.wantsConfirmation = true
    }
    #expect(requests.map(\.details.origin?.actor) == ["ann", "bob"])
    #expect(requests.map(\.details.campaignID) == ["all", "own"])
    #expect(requests.map(\.details.campaignSize) == [2, 9])
    #expect(requests.allSatisfy { $0.details.wantsConfirmation && $0.details.reason == "limit" })
  }

  @Test func orderNumbersOneALine() throws {
    let requests = try read("\u{FEFF}1\r\n\n2\n 9223372036854775807 \n")
    #expect(requests.map(\.orderID.value) == [1, 2, .max])
    #expect(Set(requests.map(\.cancelID)).count == 3)
  }

  @Test func csvWithAHeader() throws {
    let requests = try read(
      """
      Order ID,priority,account,reason,cancelId,deadline
      7,killSwitch,desk-a,"a ""quoted"", one",c-7,30s
      8,,,,
      """
    ) { $0.account = "desk-b" }
    #expect(requests.map(\.orderID.value) == [7, 8])
    #expect(requests[0].priority == .killSwitch && requests[1].priority == .routine)
    #expect(requests[0].account == "desk-a" && requests[1].account == "desk-b")
    #expect(requests[0].details.reason == "a \"quoted\", one" && requests[1].details.reason == nil)
    #expect(requests[0].cancelID == "c-7")
    #expect(requests[0].deadline == now + .seconds(30) && requests[1].deadline == nil)
  }

  @Test func jsonLinesAreReadAsOnTheTopic() throws {
    let requests = try read(
      """
      {"orderId":"7","cancelId":"x","origin":{"actor":"ann"},"context":{"a":1}}
      {"orderId":9223372036854775807}
      """
    ) { defaults in
      defaults.priority = .killSwitch
      defaults.campaignID = "c"
    }
    #expect(requests.map(\.orderID.value) == [7, .max])
    #expect(
      requests[0].cancelID == "x" && requests[0].details.origin?.actor == "ann" && requests[0].details.context != nil)
    #expect(requests[1].cancelID.count == 36, "a name of its own")
    #expect(
      requests.allSatisfy { $0.priority == .killSwitch && $0.details.campaignID == "c" && $0.details.decidedAt != nil })
  }

  @Test func everyFaultIsToldWithItsLine() {
    #expect(faults("orderId,priority\n1,soon\n0,\n2,routine,3\n").map { $0.prefix(2) } == ["2:", "3:", "4:"])
    #expect(faults("order,price\n1,2\n").first?.contains("'order' is no column") == true)
    #expect(faults("account\na\n").first?.contains("no column orderId") == true)
    #expect(faults("1\n\"2\n").first?.contains("not closed") == true)
    #expect(faults("{\"orderId\":1,\"priority\":\"soon\"}").count == 1)
    #expect(faults("1,5\n").count == 1)
  }

  @Test func retentionIsToldInTheLargestUnit() {
    typealias Describe = TopicsCommand.Describe
    #expect(Describe.retention(["retention.ms": "604800000"]) == "7d")
    #expect(Describe.retention(["retention.ms": "5400000"]) == "90m")
    #expect(Describe.retention(["retention.ms": "-1"]) == "for ever")
    #expect(Describe.retention(["cleanup.policy": "compact", "retention.ms": "1"]) == "latest of each key")
    #expect(Describe.retention([:]) == "not told")
  }
}
