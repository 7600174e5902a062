import CancelContract
import Testing

@testable import CancelCore

/// What a campaign's record says when nothing comes after it.
@Suite struct CampaignTests {
  /// A record is published at most once a second, but a worker that stops leaves none behind that is not true any more.
  @Test func theLastRecordOfAWorkerThatStopsIsExact() throws {
    var engine = CancelEngine(policy: CancelPolicy(), defaultAccount: "a0", seed: 1)
    engine.configure(accounts: ["a0": QuotaKey(index: 0)], at: at(0))
    engine.assign(.first)
    engine.restored(.first, position: 0, at: at(0))
    var request = ReceivedRequest.make(order: 1, account: "a0", offset: 1, producedAt: at(0), receivedAt: at(0))
    request.request.details.campaignID = "rollover"
    _ = engine.receive(request, at: at(0))
    engine.advance(to: at(0))
    var ids = RequestIDs()
    let next = engine.nextCall(at: at(0), requestID: { ids.next() })
    let call = try #require(next)
    let firstBatch = engine.nextBatch()
    let first = try #require(firstBatch)
    #expect(first.campaigns.compactMap(\.record).map(\.state) == [.running])
    engine.committed()

    engine.answered(call.id, .accepted(), at: at(0.2))
    engine.advance(to: at(0.2))
    let secondBatch = engine.nextBatch()
    let second = try #require(secondBatch)
    #expect(second.results.count == 1 && second.campaigns.isEmpty, "its record was published a moment ago")
    engine.committed()

    engine.stop()
    let lastBatch = engine.nextBatch()
    let last = try #require(lastBatch)
    #expect(last.campaigns.compactMap(\.record).map(\.state) == [.done])
    #expect(last.campaigns.first?.record?.counts.outcomes == [.accepted: 1])
  }
}
