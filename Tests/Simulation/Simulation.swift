import CancelCore
import FoundationEssentials
import Synchronization

/// Runs histories, many at a time, and sums up what they held.
public enum Simulation {
  /// What some histories held.
  public struct Report: Sendable {
    /// Histories run.
    public var histories = 0
    /// Events in them.
    public var events = 0
    /// The seeds whose histories broke a promise, with what was broken.
    public var violations: [(seed: UInt64, text: String)] = []
    /// What happened in them, by name.
    public var counts: [String: Int] = [:]

    mutating func add(_ other: Report) {
      histories += other.histories
      events += other.events
      violations += other.violations
      counts.merge(other.counts, uniquingKeysWith: +)
    }
  }

  /// Runs one history for each seed.
  ///
  /// - Parameters:
  ///   - mutant: a fault to put in; `nil` for none.
  ///   - stopsAtFirst: whether to stop at the first violation.
  ///   - threads: how many run at a time.
  public static func run(
    seeds: Range<UInt64>, mutant: Mutant? = nil, stopsAtFirst: Bool = false, threads: Int
  ) async -> Report {
    let source = SeedSource(seeds)
    return await withTaskGroup(of: Report.self) { group in
      for _ in 0..<max(1, threads) {
        group.addTask {
          var report = Report()
          while let seed = source.next() {
            report.add(history(World.Plan(seed: seed, mutant: mutant)).report)
            if stopsAtFirst, !report.violations.isEmpty { source.close() }
          }
          return report
        }
      }
      var sum = Report()
      for await report in group { sum.add(report) }
      return sum
    }
  }

  /// Runs one history again.
  ///
  /// - Returns: what happened, a line an event, and what was broken.
  public static func replay(seed: UInt64, mutant: Mutant? = nil) -> (trace: [String], violations: [String]) {
    let (report, trace) = history(World.Plan(seed: seed, mutant: mutant, isTraced: true))
    return (trace, report.violations.map(\.text))
  }

  private static func history(_ plan: World.Plan) -> (report: Report, trace: [String]) {
    let world = World(plan)
    let violations = world.run()
    var report = Report(histories: 1, events: world.events)
    report.violations = violations.map { (plan.seed, $0) }
    let counts = world.counts
    report.counts = [
      "requests": world.oracle.requests, "results": counts.results, "sweeps": counts.sweeps, "calls": counts.calls,
      "crashes": counts.crashes,
      "rebalances": counts.rebalances, "overruns": counts.overruns, "pauses": counts.pauses, "aborts": counts.aborts,
      "fencings": counts.fencings, "throttled": counts.throttled, "restores": counts.restores,
      "commits": counts.commits, "clock_steps": counts.clockSteps,
      "broker_restarts": counts.brokerRestarts, "holds": counts.holds,
    ]
    return (report, world.trace)
  }
}

/// Hands seeds out to the threads.
private final class SeedSource: Sendable {
  private let upcoming: Atomic<UInt64>
  private let end: UInt64

  init(_ seeds: Range<UInt64>) {
    upcoming = Atomic(seeds.lowerBound)
    end = seeds.upperBound
  }

  func next() -> UInt64? {
    let seed = upcoming.add(1, ordering: .relaxed).oldValue
    return seed < end ? seed : nil
  }

  func close() { upcoming.store(end, ordering: .relaxed) }
}
