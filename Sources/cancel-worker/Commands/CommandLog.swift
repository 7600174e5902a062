import Logging
import Operations

/// The log of commands other than `run`: warnings and worse, on standard error.
enum CommandLog {
  /// For the demo, whose broker lacks much of what the clients ask for: errors only.
  static var quiet: Logger {
    var log = WorkerConfiguration.LogSection()
    log.level = "error"
    return log.logger()
  }

  static func logger(_ configuration: WorkerConfiguration? = nil) -> Logger {
    var log = configuration?.log ?? WorkerConfiguration.LogSection()
    if log.level == "info" { log.level = "warning" }
    return log.logger()
  }
}
