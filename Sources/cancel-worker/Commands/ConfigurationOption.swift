import ArgumentParser
import CancelService
import Foundation

/// The option that every command with a configuration has.
struct ConfigurationOption: ParsableArguments {
  @Option(
    name: .customLong("config"),
    help: "The configuration file, YAML or JSON. Environment variables override it (kafka.bootstrapServers is "
      + "KAFKA_BOOTSTRAP_SERVERS).")
  var path: String?

  /// The configuration in force; every fault of it is told on standard error at once.
  func load() throws -> WorkerConfiguration {
    do {
      return try WorkerConfiguration.load(path: path, environment: ProcessInfo.processInfo.environment)
    } catch {
      throw CommandFailure(code: .configuration, error)
    }
  }
}
