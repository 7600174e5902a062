import CancelContract
import FoundationEssentials

/// New results, as an event of the live page: the last few of them and how many more there were.
struct ResultsDocument: Encodable {
  struct Line: Encodable {
    var at: Double
    var order: String?
    var account: String?
    var outcome: String
    var httpStatus: Int?
    var attempts: Int
    var deduplicated: Bool
    var totalSeconds: Double
  }

  var lines: [Line]
  var more: Int

  init(_ news: LiveFeed.News) {
    lines = news.entries.map { entry in
      let result = entry.result
      return Line(
        at: Double(entry.publishedAt.microseconds / 1000),
        order: result.orderID?.description,
        account: result.account.map { String($0.description.prefix(64)) },
        outcome: result.outcome.name,
        httpStatus: result.httpStatus,
        attempts: result.attempts,
        deduplicated: result.deduplicated,
        totalSeconds: max(entry.publishedAt - result.stages.produced, .zero).secondsRounded)
    }
    more = news.more
  }

  var json: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(self)).map(Array.init) ?? Array("{}".utf8)
  }
}
