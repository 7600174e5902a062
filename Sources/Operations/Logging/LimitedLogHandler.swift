import CancelService
import CancelContract
import Logging
import Synchronization

/// Keeps a storm of like warnings from filling the log: what repeats is written a few times an interval, with a count of
/// what was left out.
///
/// Messages at `info` and below pass, for each of them tells of one request.
public struct LimitedLogHandler: LogHandler {
  private var handler: any LogHandler
  private let limit: Limit

  private final class Limit: Sendable {
    let clock = SteadyClock()
    let state = Mutex(RepeatedMessageLimit())
  }

  /// Passes to `handler` what is not repeated too often.
  public init(_ handler: any LogHandler) {
    self.handler = handler
    self.limit = Limit()
  }

  /// The least severe level that is written.
  public var logLevel: Logger.Level {
    get { handler.logLevel }
    set { handler.logLevel = newValue }
  }

  /// What every line carries.
  public var metadata: Logger.Metadata {
    get { handler.metadata }
    set { handler.metadata = newValue }
  }

  /// One entry of ``metadata``.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { handler[metadataKey: key] }
    set { handler[metadataKey: key] = newValue }
  }

  /// Writes one line, or counts it.
  public func log(event: LogEvent) {
    guard event.level >= .warning else { return handler.log(event: event) }
    let now = limit.clock.now
    switch limit.state.withLock({ $0.verdict(on: event.message.description, at: now) }) {
    case .leaveOut: return
    case .write(leftOut: 0): handler.log(event: event)
    case .write(let leftOut):
      var event = event
      event.metadata = (event.metadata ?? [:]).merging(["left_out": "\(leftOut)"]) { own, _ in own }
      handler.log(event: event)
    }
  }
}

extension LimitedLogHandler {
  /// Tells of every message how many were left out since it was last written: for the end, when no further one will.
  public func tellLeftOut() {
    for (message, count) in limit.state.withLock({ $0.takeLeftOut() }) {
      handler.log(
        event: LogEvent(
          level: .warning, message: "repeated lines were left out",
          metadata: ["line": .string(message), LogKey.count: .stringConvertible(count)], source: "CancelService",
          file: #fileID, function: #function, line: #line))
    }
  }
}

extension WorkerConfiguration.LogSection {
  /// A logger as configured, on standard error.
  public func logger(label: String = "cancel-worker") -> Logger {
    let handler = handler(label: label)
    return Logger(label: label) { _ in handler }
  }

  /// What writes the log as configured, on standard error.
  func handler(label: String = "cancel-worker") -> LimitedLogHandler {
    let level = Logger.Level(rawValue: level) ?? .info
    let format = WorkerLogHandler.Format(rawValue: format) ?? .text
    return LimitedLogHandler(WorkerLogHandler(label: label, format: format, level: level))
  }
}
