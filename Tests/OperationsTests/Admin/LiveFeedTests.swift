import Testing

@testable import Operations

@Suite struct LiveFeedTests {
  private let feed = LiveFeed()

  @Test func aNewReaderSeesTheLatest() {
    #expect(feed.news(after: nil).entries.isEmpty)
    feed.published((1...9).map { Sample.result($0) }, refused: [], at: Sample.start)
    let news = feed.news(after: nil)
    #expect(news.entries.map(\.result.cancelID) == (5...9).map { "cancel-\($0)" })
    #expect(news.more == 0)
    #expect(news.position == 9)
  }

  @Test func aReaderSeesWhatIsNewAndHowMuchItMissed() {
    feed.published((1...2).map { Sample.result($0) }, refused: [], at: Sample.start)
    let position = feed.news(after: nil).position
    #expect(feed.news(after: position).entries.isEmpty)
    feed.published([Sample.result(3)], refused: [], at: Sample.start)
    #expect(feed.news(after: position).entries.map(\.result.cancelID) == ["cancel-3"])
    feed.published((4...14).map { Sample.result($0) }, refused: [], at: Sample.start)
    let news = feed.news(after: position)
    #expect(news.entries.map(\.result.cancelID) == (10...14).map { "cancel-\($0)" })
    #expect(news.more == 7)
  }

  @Test func totals() {
    feed.received(Sample.request(1), .opened, at: Sample.start)
    feed.sent(Sample.call(1), at: Sample.start)
    feed.published(
      [Sample.result(1), Sample.result(2, outcome: .failed), Sample.result(3, deduplicated: true)], refused: [],
      at: Sample.start)
    #expect(
      feed.totals == LiveFeed.Totals(received: 1, calls: 1, results: 3, duplicates: 1, byOutcome: [2, 0, 0, 1, 0, 0]))
  }
}
