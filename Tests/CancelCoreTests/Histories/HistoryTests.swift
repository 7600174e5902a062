import FoundationEssentials
import Testing

@testable import CancelCore

/// Thousands of random histories of requests, answers, commits, crashes and rebalances against a simple oracle.
///
/// `HISTORIES` sets how many, `HISTORY_SEED` where they start; a failure names its seed.
@Suite struct HistoryTests {
  static let count = Int(ProcessInfo.processInfo.environment["HISTORIES"] ?? "") ?? 60
  static let seed = UInt64(ProcessInfo.processInfo.environment["HISTORY_SEED"] ?? "") ?? UInt64.random(in: 0...1 << 40)

  @Test func exactlyOnce() throws {
    try run(isExactlyOnce: true)
  }

  @Test func atLeastOnce() throws {
    try run(isExactlyOnce: false)
  }

  private func run(isExactlyOnce: Bool) throws {
    print("histories: \(HistoryTests.count) from HISTORY_SEED=\(HistoryTests.seed) exactlyOnce=\(isExactlyOnce)")
    var (calls, results, notices, batches) = (0, 0, 0, 0)
    for number in 0..<UInt64(HistoryTests.count) {
      let seed = HistoryTests.seed &+ number
      let world = World(World.Plan(seed: seed, isExactlyOnce: isExactlyOnce))
      try RunningHistory.$seed.withValue(seed) { try world.run() }
      calls += world.oracle.calls
      results += world.kafka.published.count
      notices += world.oracle.notices
      batches += world.batches
    }
    print("histories: calls=\(calls) results=\(results) notices=\(notices) batches=\(batches)")
    #expect(calls > HistoryTests.count && results > HistoryTests.count)
  }
}
