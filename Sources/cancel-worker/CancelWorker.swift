import ArgumentParser
import CancelService
import Foundation
import Operations

@main
enum Main {
  static func main() async {
    // Before any secret is read.
    CoreDumps.turnOff()
    // A reader that has gone is told by the write that fails.
    signal(SIGPIPE, SIG_IGN)
    await CancelWorker.main()
  }
}

/// The command line.
struct CancelWorker: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel-worker",
    abstract: "Cancels orders at the eToro public API as requests come in on a Kafka topic.",
    discussion: """
      Each request gets exactly one result. Data goes to standard output, logs to standard error.

      EXAMPLES
        cancel-worker demo
        cancel-worker run --config worker.yaml
        cancel-worker request 13902598 --wait

      EXIT CODES
      \(ExitCode.table)
      """,
    version: WorkerVersion.current,
    subcommands: [
      RunCommand.self, DemoCommand.self, RequestCommand.self, WatchCommand.self, SimulateCommand.self,
      TopicsCommand.self, CheckCommand.self,
    ]
  )
}
