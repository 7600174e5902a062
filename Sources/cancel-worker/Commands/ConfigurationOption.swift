import ArgumentParser
import CancelService
import Foundation

/// The option that every command with a configuration has.
struct ConfigurationOption: ParsableArguments {
  @Option(
    name: .customLong("config"),
    help: "The configuration, YAML or JSON; the environment overrides it (KAFKA_BOOTSTRAP_SERVERS and so on).")
  var path: String?

  /// The configuration in force; every fault of it is told on standard error at once.
  func load() throws -> WorkerConfiguration {
    do {
      return try WorkerConfiguration.load(path: path, environment: ProcessInfo.processInfo.environment)
    } catch {
      throw CommandFailure(code: .configuration, error).exit
    }
  }
}
