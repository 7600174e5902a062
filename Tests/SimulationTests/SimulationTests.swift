import Foundation
import Simulation
import Testing

/// Whole workers on virtual time: thousands of histories of crashes, rebalances, aborts, slow brokers and a failing API.
///
/// These are the same ones each time, so that a change is seen by its own; `Tests/run.sh simulate` looks for new ones.
/// `SIMULATIONS` sets how many, `SIMULATION_SEED` where they start; a failure names its seed, which
/// `cancel-worker-simulation --replay SEED` runs again with a trace.
@Suite struct SimulationTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let count = UInt64(environment["SIMULATIONS"] ?? "") ?? 2500
  private static let seed = UInt64(environment["SIMULATION_SEED"] ?? "") ?? 1

  @Test func noHistoryBreaksAPromise() async {
    let (seed, count) = (SimulationTests.seed, SimulationTests.count)
    let report = await Simulation.run(seeds: seed..<seed + count, threads: 2)
    print(
      "simulation: histories=\(report.histories) events=\(report.events) sweeps=\(report.counts["sweeps"] ?? 0) "
        + "from SIMULATION_SEED=\(seed)")
    for (seed, text) in report.violations { Issue.record("seed \(seed): \(text)") }
    #expect(report.histories == Int(count))
    for kind in ["crashes", "rebalances", "sweeps"] { #expect(report.counts[kind, default: 0] > 0, "\(kind)") }
  }

  @Test func theSameSeedIsTheSameHistory() {
    let seed = SimulationTests.seed
    let first = Simulation.replay(seed: seed)
    let second = Simulation.replay(seed: seed)
    #expect(!first.trace.isEmpty)
    #expect(first.trace == second.trace)
  }
}
