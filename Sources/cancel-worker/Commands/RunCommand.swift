import ArgumentParser
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
      throw CommandFailure(code: Operations.ExitCode(for: error), error).exit
    }
  }
}
