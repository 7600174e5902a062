import CancelContract
import Synchronization
import Testing

@testable import cancel_worker

@Suite struct WaitingViewTests {
  private let written = Written()

  private func view(isLive: Bool) -> WaitingView {
    WaitingView(["a", "b"], isLive: isLive) { [written] text in written.add(text) }
  }

  private func progress(_ cancelID: String, place: Int) throws -> ProgressEvent {
    let orderID = try #require(OrderID(13_902_598))
    let now = Timestamp(milliseconds: 1_700_000_000_000)
    return ProgressEvent(
      echo: RequestEcho(
        cancelID: cancelID, source: SourceCoordinates(topic: "requests", partition: 0, offset: 1)),
      orderID: orderID, account: "default", reason: .quota, place: place,
      estimatedAt: now + .seconds(7), waitingSince: now, reportedAt: now, sequence: 1)
  }

  @Test func aPipeGetsALineForEachEvent() throws {
    let view = view(isLive: false)
    view.tick()
    view.take(try progress("a", place: 3))
    view.take(try progress("a stranger's", place: 1))
    view.answered("a") { written.add("result\n") }
    view.take(try progress("a", place: 2))
    view.end()
    #expect(
      written.text
        == "waiting: order 13902598: the key's quota is used up, place 3, likely at 22:13:27 UTC\nresult\n")
  }

  @Test func aTerminalHasOneLineThatGivesWayToResults() throws {
    let view = view(isLive: true)
    view.tick()
    view.take(try progress("a", place: 3))
    view.take(try progress("b", place: 2))
    view.answered("b") { written.add("result\n") }
    view.end()
    let parts = written.text.split(separator: "\r", omittingEmptySubsequences: true)
    #expect(parts.count == 6, "\(parts)")
    #expect(parts.allSatisfy { $0.hasSuffix("\u{1B}[K") || $0 == "\u{1B}[Kresult\n" }, "\(parts)")
    #expect(parts[0].hasPrefix("waiting 0s for 2 of 2"))
    #expect(parts[2].contains("place 2"))
    #expect(parts[4].hasPrefix("waiting 0s for 1 of 2") && parts[4].contains("place 3"))
    #expect(parts[5] == "\u{1B}[K")
  }

  private final class Written: Sendable {
    private let kept = Mutex("")
    var text: String { kept.withLock { $0 } }
    func add(_ text: String) { kept.withLock { $0 += text } }
  }
}
