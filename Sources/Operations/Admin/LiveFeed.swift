import CancelContract
import CancelCore
import CancelService
import Synchronization

/// What the worker did lately, for the live page: totals, and the last few results.
///
/// A batch of results costs one lock and a few copies, whether or not anybody looks.
public final class LiveFeed: WorkerObserver {
  /// Counts since the start.
  struct Totals: Sendable, Equatable {
    var received = 0
    var calls = 0
    var results = 0
    var duplicates = 0
    var byOutcome: [Int] = Array(repeating: 0, count: CancelOutcome.allCases.count)
  }

  /// One result as the page shows it.
  struct Entry: Sendable {
    var result: CancelResult
    var publishedAt: Timestamp
  }

  /// What is new to one reader.
  struct News: Sendable {
    /// The latest results, oldest first, no more than ``LiveFeed/shown``.
    var entries: [Entry]
    /// How many more there were.
    var more: Int
    /// Where to read on.
    var position: Int
  }

  /// The most results that eyes can follow at a time.
  static let shown = 5

  private struct State {
    var totals = Totals()
    var latest: [Entry] = []
  }

  private let state = Mutex(State())
  private let received = Atomic<Int>(0)
  private let calls = Atomic<Int>(0)

  /// A feed that has seen nothing.
  public init() {}

  /// Counts a request.
  public func received(_ request: ReceivedRequest, _ receipt: CancelEngine.Receipt, at now: Timestamp) {
    received.wrappingAdd(1, ordering: .relaxed)
  }

  /// Counts a call.
  public func sent(_ call: Call, at now: Timestamp) {
    calls.wrappingAdd(1, ordering: .relaxed)
  }

  /// Counts results and keeps the last few.
  public func published(_ results: [CancelResult], refused: [RefusedMessage], at now: Timestamp) {
    guard !results.isEmpty else { return }
    state.withLock { state in
      // By place: an iterator copies each result, with some twenty references.
      for index in results.indices {
        state.totals.byOutcome[Int(results[index].outcome.rawValue)] += 1
        if results[index].deduplicated { state.totals.duplicates += 1 }
      }
      state.totals.results += results.count
      let new = results.suffix(Self.shown).map { Entry(result: $0, publishedAt: now) }
      state.latest.append(contentsOf: new)
      if state.latest.count > Self.shown { state.latest.removeFirst(state.latest.count - Self.shown) }
    }
  }

  /// Counts since the start.
  var totals: Totals {
    var totals = state.withLock { $0.totals }
    totals.received = received.load(ordering: .relaxed)
    totals.calls = calls.load(ordering: .relaxed)
    return totals
  }

  /// What came after `position`; from `nil` on, the last results are news.
  func news(after position: Int?) -> News {
    state.withLock { state in
      let total = state.totals.results
      let unseen = position.map { total - $0 } ?? min(total, Self.shown)
      let entries = Array(state.latest.suffix(min(unseen, Self.shown)))
      return News(entries: entries, more: unseen - entries.count, position: total)
    }
  }
}
