import Logging
import Synchronization

/// Keeps everything that is logged, at every level.
final class LogCapture: Sendable {
  private let lines = Mutex<[String]>([])

  /// All of it.
  var text: String { lines.withLock { $0.joined(separator: "\n") } }

  /// A logger that writes here.
  var logger: Logger {
    Logger(label: "capture") { _ in Handler(capture: self) }
  }

  private func append(_ line: String) {
    lines.withLock { $0.append(line) }
  }

  private struct Handler: LogHandler {
    let capture: LogCapture
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      capture.append("\(event.level) \(event.message) \(event.metadata ?? [:]) \(metadata)")
    }
  }
}
