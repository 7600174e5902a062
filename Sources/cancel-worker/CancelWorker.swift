import ArgumentParser
import CancelService
import Foundation
import Logging
import Operations

@main
enum Main {
  static func main() async {
    // Before any secret is read.
    CoreDumps.turnOff()
    // A reader that has gone is told by the write that fails.
    signal(SIGPIPE, SIG_IGN)
    let arguments = Array(CommandLine.arguments.dropFirst())
    do {
      var command = try CancelWorker.parseAsRoot(arguments)
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let error as CommandFailure {
      error.end()
    } catch {
      if let hint = UsageHint.text(for: arguments) { CommandFailure(.usage, hint).end() }
      CancelWorker.exit(withError: error)
    }
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
      \(Operations.ExitCode.table)
        130, 143  ended by SIGINT or SIGTERM before the command had done its work
      """,
    version: WorkerVersion.current,
    subcommands: [
      RunCommand.self, DemoCommand.self, RequestCommand.self, CampaignCommand.self, WatchCommand.self,
      StatusCommand.self, AuditCommand.self, ReplayCommand.self, DeadLettersCommand.self, HoldCommand.self,
      ResumeCommand.self, TopicsCommand.self, CheckCommand.self, SimulateCommand.self,
    ]
  )
}

/// What a command line that can't be parsed probably meant, where the parser itself can't tell.
enum UsageHint {
  static func text(for arguments: [String]) -> String? {
    guard let first = arguments.first else { return nil }
    if first == "request", let number = arguments.dropFirst().first(where: isNegativeNumber) {
      return "request: '\(number)' is not an order's number, which is a positive 64-bit integer"
    }
    let names = CancelWorker.configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
    guard !first.hasPrefix("-"), !names.contains(first) else { return nil }
    let nearest = NearestKey(known: names).suggestion(for: first).map { "; did you mean '\($0)'?" } ?? ""
    return "there is no command '\(first)'\(nearest) (commands: \(names.joined(separator: ", ")))"
  }

  private static func isNegativeNumber(_ text: String) -> Bool {
    text.hasPrefix("-") && text.count > 1 && text.dropFirst().allSatisfy(\.isNumber)
  }
}

/// The options that every command with a configuration has.
struct ConfigurationOption: ParsableArguments {
  @Option(
    name: .customLong("config"),
    help: ArgumentHelp(
      "The configuration, YAML or JSON; the environment overrides it (KAFKA_BOOTSTRAP_SERVERS and so on).",
      valueName: "file"),
    completion: .file(extensions: ["yaml", "yml", "json"]))
  var path: String?

  @Flag(help: "Show what lies behind an error, in librdkafka's own words.")
  var verbose = false

  /// The configuration in force; every fault of it is told at once.
  ///
  /// - Parameter readsAccounts: whether the accounts' faults are told with the configuration's.
  func load(readsAccounts: Bool = false) throws -> WorkerConfiguration {
    do {
      return try WorkerConfiguration.load(
        path: path, environment: ProcessInfo.processInfo.environment, readsAccounts: readsAccounts)
    } catch {
      throw CommandFailure(.configuration, "\(error)")
    }
  }
}

/// The log of commands other than `run`: warnings and worse, on standard error.
enum CommandLog {
  /// Errors only: for the demo, whose broker lacks much of what the clients ask for, and for commands that tell a fault
  /// of the broker in their own words.
  static var quiet: Logger {
    var log = WorkerConfiguration.LogSection()
    log.level = "error"
    return log.logger()
  }

  /// Nothing at all, unless the raw causes are asked for.
  static func logger(_ option: ConfigurationOption) -> Logger {
    option.verbose ? quiet : Logger(label: "cancel-worker") { _ in SwiftLogNoOpLogHandler() }
  }
}
