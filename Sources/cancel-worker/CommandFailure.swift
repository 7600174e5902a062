import CancelService
import Foundation
import Kafka
import Operations

/// Why a command fails: one line on standard error, and a documented exit status.
struct CommandFailure: Error, CustomStringConvertible {
  let status: Int32
  let message: String
  /// What lies behind it, for `--verbose`.
  let cause: String?

  init(_ code: ExitCode, _ message: String, cause: String? = nil) {
    self.init(status: code.rawValue, message, cause: cause)
  }

  init(status: Int32, _ message: String, cause: String? = nil) {
    self.status = status
    self.message = message
    self.cause = cause
  }

  var description: String { message }

  /// Tells it and ends the process.
  func end() -> Never {
    if !message.isEmpty { StandardError.write("cancel-worker: \(message)\n") }
    if let cause { StandardError.write("  because: \(cause)\n") }
    exit(status)
  }
}

extension CommandFailure {
  /// A failure of Kafka's, in one line.
  ///
  /// - Parameter verbose: whether librdkafka's own words follow.
  init?(kafka error: any Error, verbose: Bool) {
    switch error {
    case let error as KafkaUnreachable:
      self.init(.unavailable, "\(error)", cause: verbose ? "\(error.cause)" : nil)
    case let error as KafkaError:
      let message = "\(error.operation): \(error.message)"
      self.init(ExitCode(for: error), message, cause: verbose ? "\(error)" : nil)
    case let error as KafkaPublishError:
      self.init(
        .unavailable,
        "\(error.failures.count) of \(error.count) requests were not published: "
          + (error.failures.first.map { $0.error.message } ?? "no reason given"), cause: verbose ? "\(error)" : nil)
    default:
      return nil
    }
  }
}

/// Runs the part of a command that talks to the broker: finds out first, within five seconds, whether it can be reached.
func withBroker<Value>(
  _ configuration: WorkerConfiguration, _ option: ConfigurationOption, _ body: () async throws -> Value
) async throws -> Value {
  do {
    try await KafkaAdmin.reach(configuration.kafkaClient, logger: CommandLog.logger(option))
    return try await body()
  } catch {
    throw CommandFailure(kafka: error, verbose: option.verbose) ?? error
  }
}

/// As `withBroker`, with a client for administration.
func withAdmin<Value: Sendable>(
  _ configuration: WorkerConfiguration, _ option: ConfigurationOption,
  _ body: (KafkaAdmin) async throws -> Value
) async throws -> Value {
  try await withBroker(configuration, option) {
    let admin = try KafkaAdmin(configuration: configuration.kafkaClient, logger: CommandLog.logger(option))
    do {
      let value = try await body(admin)
      await admin.close(timeout: .seconds(5))
      return value
    } catch {
      await admin.close(timeout: .seconds(5))
      throw error
    }
  }
}

/// `1 result`, `2 results`.
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

/// Standard error, for what is not data.
enum StandardError {
  static func write(_ text: String) {
    StandardStream.error.write(text)
  }

  static var isTerminal: Bool {
    isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
  }
}

/// Standard output, for data.
enum StandardOutput {
  static func write(_ text: String) {
    let error = StandardStream.output.write(text)
    guard error != 0 else { return }
    // As a process does that a broken pipe ends: nobody reads what would follow.
    if error == EPIPE { _exit(128 + SIGPIPE) }
    let reason = String(cString: strerror(error))
    StandardError.write("cancel-worker: standard output can't be written: \(reason)\n")
    _exit(ExitCode.software.rawValue)
  }
}
