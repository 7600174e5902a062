import ArgumentParser

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
