import CancelService
import Logging

/// The log of commands other than `run`: warnings and worse, on standard error.
enum CommandLog {
  static func logger(_ configuration: WorkerConfiguration? = nil) -> Logger {
    var log = configuration?.log ?? WorkerConfiguration.LogSection()
    if log.level == "info" { log.level = "warning" }
    return log.logger()
  }
}
