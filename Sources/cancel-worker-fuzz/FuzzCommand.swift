import ArgumentParser
import Foundation
import Fuzz

@main
struct FuzzCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel-worker-fuzz",
    abstract: "Feeds random and spoilt input to the worker's decoders and checks what they promise.",
    discussion: """
      Every input comes from a seed alone: a violation is repeated with --runs 1 and the seed that is printed.
      Exit status 1 where a promise was broken.
      """
  )

  @Option(help: "How many inputs to try for each target.")
  var runs = 1_000_000

  @Option(help: "The first input's seed.")
  var seed: UInt64 = 1

  @Option(help: "One of \(FuzzTarget.all.map(\.name).joined(separator: ", ")), or all.")
  var target = "all"

  func run() throws {
    let targets = FuzzTarget.all.filter { target == "all" || $0.name == target }
    guard !targets.isEmpty else { throw ValidationError("There is no target `\(target)`.") }
    var isClean = true
    for target in targets {
      let start = ContinuousClock.now
      let report = FuzzRun(target: target, runs: runs, seed: seed).perform(every: 1_000_000) {
        FileHandle.standardError.write(Data("\($0) seed=\(seed) so far\n".utf8))
      }
      let elapsed = start.duration(to: .now)
      print("\(report) seed=\(seed) seconds=\(elapsed.components.seconds)")
      for violation in report.violations { print(violation) }
      isClean = isClean && report.violations.isEmpty
    }
    guard isClean else { throw ExitCode.failure }
  }
}
