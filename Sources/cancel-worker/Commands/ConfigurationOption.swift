import ArgumentParser
import Foundation
import Operations

/// The option that every command with a configuration has.
struct ConfigurationOption: ParsableArguments {
  @Option(
    name: .customLong("config"),
    help: ArgumentHelp(
      "The configuration, YAML or JSON; the environment overrides it (KAFKA_BOOTSTRAP_SERVERS and so on).",
      valueName: "file"),
    completion: .file(extensions: ["yaml", "yml", "json"]))
  var path: String?

  /// The configuration in force; every fault of it is told on standard error at once.
  ///
  /// - Parameter readsAccounts: whether the accounts' faults are told with the configuration's.
  func load(readsAccounts: Bool = false) throws -> WorkerConfiguration {
    do {
      return try WorkerConfiguration.load(
        path: path, environment: ProcessInfo.processInfo.environment, readsAccounts: readsAccounts)
    } catch {
      throw CommandFailure(code: .configuration, error).exit
    }
  }
}
