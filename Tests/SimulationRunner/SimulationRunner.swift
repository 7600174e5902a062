import ArgumentParser
import Foundation
import Simulation

/// Runs any number of histories on all cores, then puts each known fault in and looks whether it is found.
@main
struct SimulationRunner: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel-worker-simulation",
    abstract: "Runs whole workers under a deterministic simulation of Kafka, the API and time.")

  @Argument(help: "How many histories to run.")
  var histories: UInt64 = 2000

  @Option(help: "The first history's seed.")
  var seed: UInt64 = 1

  @Option(help: "Histories until a fault that was put in counts as not found.")
  var mutantHistories: UInt64 = 10_000

  @Option(help: "How many run at a time.")
  var threads = ProcessInfo.processInfo.activeProcessorCount

  @Option(help: "Replay the history of this seed and print what happens in it.")
  var replay: UInt64?

  @Option(help: "Put this fault in.")
  var mutant: Mutant?

  func run() async throws {
    if let replay {
      let (trace, violations) = Simulation.replay(seed: replay, mutant: mutant)
      for line in trace { show(line) }
      for violation in violations { show("violation: \(violation)") }
      throw violations.isEmpty ? ExitCode.success : ExitCode.failure
    }
    let report = await Simulation.run(seeds: seed..<seed + histories, mutant: mutant, threads: threads)
    for (seed, text) in report.violations.prefix(20) { show("violation: seed \(seed): \(text)") }
    show(report.counts.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " "))
    var found = 0
    var missed: [String] = []
    if mutant == nil, mutantHistories > 0 {
      for mutant in Mutant.allCases {
        let hunt = await Simulation.run(
          seeds: seed..<seed + mutantHistories, mutant: mutant, stopsAtFirst: true, threads: threads)
        if let first = hunt.violations.min(by: { $0.seed < $1.seed }) {
          found += 1
          show(
            "mutant \(mutant.rawValue): found by seed \(first.seed) after \(hunt.histories) histories: \(first.text)")
        } else {
          missed.append(mutant.rawValue)
          show("mutant \(mutant.rawValue): NOT FOUND in \(hunt.histories) histories")
        }
      }
    }
    show(
      "histories=\(report.histories) events=\(report.events) violations=\(report.violations.count) "
        + "mutants=\(found)/\(mutant == nil && mutantHistories > 0 ? Mutant.allCases.count : 0)")
    if !report.violations.isEmpty || !missed.isEmpty { throw ExitCode.failure }
  }
}

extension Mutant: ExpressibleByArgument {}

/// Prints a line at once, also into a pipe.
private func show(_ line: String) {
  FileHandle.standardOutput.write(Data((line + "\n").utf8))
}
