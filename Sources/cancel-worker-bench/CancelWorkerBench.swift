import ArgumentParser
import Foundation

@main
struct CancelWorkerBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel-worker-bench",
    abstract:
      "Measures the worker as a process of its own against a lean stand-in for the API, with the floors beside it.",
    subcommands: [MeasureCommand.self, HTTPClientCommand.self],
    defaultSubcommand: MeasureCommand.self
  )
}

struct MeasureCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "measure",
    abstract: "Prints a table of figures, each with its floor from the same run.",
    discussion: """
      Needs a broker at KAFKA_BOOTSTRAP. Parts: floors, throughput, latency, allocations, idle, restore, kill-switch, \
      partitions, accounts, ledgers.
      """
  )

  @Option(help: "The worker's binary; the one beside this by default.")
  var worker: String?

  @Option(help: "Only these parts, separated by commas.")
  var only: String?

  @Flag(help: "A tenth of the load: for a first look.")
  var quick = false

  @Option(help: "Where to write the figures as JSON.")
  var json: String?

  func run() async throws {
    guard let bootstrap = ProcessInfo.processInfo.environment["KAFKA_BOOTSTRAP"] else {
      throw ValidationError("KAFKA_BOOTSTRAP names no broker, such as localhost:9092; Deploy/bench.sh starts one.")
    }
    let parts = try chosenParts()
    let own = URL(fileURLWithPath: CommandLine.arguments[0])
    let bench = Bench(
      bootstrap: bootstrap, ownBinary: own,
      worker: worker.map { URL(fileURLWithPath: $0) }
        ?? own.deletingLastPathComponent().appendingPathComponent("cancel-worker"),
      scale: quick ? 10 : 1)
    var report = Report()
    for part in BenchPart.allCases where parts.contains(part) {
      FileHandle.standardError.write(Data("measuring \(part.rawValue) …\n".utf8))
      try await bench.measure(part, into: &report)
    }
    print(report.table)
    if let json { try report.json.write(to: URL(fileURLWithPath: json)) }
  }

  private func chosenParts() throws -> Set<BenchPart> {
    guard let only else { return Set(BenchPart.allCases) }
    return Set(
      try only.split(separator: ",").map { name in
        guard let part = BenchPart(rawValue: String(name)) else {
          throw ValidationError(
            "There is no part `\(name)`; choose from \(BenchPart.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return part
      })
  }
}
