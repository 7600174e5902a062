import ArgumentParser
import CancelService
import Foundation
import Operations

/// `cancel-worker run`
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run the worker until SIGTERM or SIGINT.",
    discussion: """
      On SIGTERM or SIGINT no further call is sent, calls in flight finish, results are published and the group is left. \
      A second signal ends it at once. SIGHUP reads the accounts again.

      EXAMPLES
        cancel-worker run --config worker.yaml
        KAFKA_BOOTSTRAP_SERVERS=localhost:9092 cancel-worker run

      The exit status 70 asks to be started again; 65 and 78 ask for somebody's help first.
      """
  )

  @OptionGroup var file: ConfigurationOption

  func run() async throws {
    let configuration = try file.load(readsAccounts: true)
    do {
      try await WorkerProcess(configuration).run()
    } catch {
      throw CommandFailure(Operations.ExitCode(for: error), "\(error)")
    }
  }
}

/// `cancel-worker check`
struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Check configuration, credentials' form, broker, topics and API, without cancelling anything.",
    discussion: """
      Tells every fault at once. No secret is printed. The exit status is 78 where the configuration, the accounts or the \
      topics are at fault, 69 where only the broker or the API can't be reached.

      EXAMPLES
        cancel-worker check --config worker.yaml
        cancel-worker check --config worker.yaml --api
        KAFKA_BOOTSTRAP_SERVERS=localhost:9092 cancel-worker check
      """
  )

  @Flag(help: "Try each account's credential with the lookup of an order, which changes nothing.")
  var api = false

  @OptionGroup var file: ConfigurationOption

  func run() async throws {
    let configuration = try file.load(readsAccounts: true)
    try await untilInterrupted {
      let report = await WorkerCheck(configuration, environment: ProcessInfo.processInfo.environment, asksAPI: api)
        .run()
      for line in report.lines { StandardOutput.write("\(line)\n") }
      if let code = report.exitCode { throw CommandFailure(code, "") }
    }
  }
}
