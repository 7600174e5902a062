import ArgumentParser
import Foundation
import Operations

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
        KAFKA_BOOTSTRAP_SERVERS=localhost:9092 cancel-worker check
      """
  )

  @OptionGroup var file: ConfigurationOption

  func run() async throws {
    let configuration = try file.load(readsAccounts: true)
    let report = await WorkerCheck(configuration, environment: ProcessInfo.processInfo.environment).run()
    for line in report.lines { StandardOutput.write("\(line)\n") }
    if let code = report.exitCode { throw ArgumentParser.ExitCode(code.rawValue) }
  }
}
