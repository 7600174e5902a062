import Kafka
import Logging
import Synchronization

/// Limits how often one warning or error is written, so that a fault that repeats does not fill the log: the first few in
/// ten seconds, then a count of those left out.
///
/// A message about a user key or a topic is limited for that key or topic alone. Messages at `info` and below, and the
/// lines of the request log, always pass: each is about one request.
public struct LimitedLogHandler: LogHandler {
  private var handler: any LogHandler
  private let limit: Limit

  private final class Limit: Sendable {
    let state = Mutex(LogRateLimiter(burst: 5))
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
    let message = event.message.description
    guard event.level >= .warning, event.message != RequestLog.message else { return handler.log(event: event) }
    let subject = event.metadata.flatMap { $0[LogKey.userKey] ?? $0[LogKey.topic] }
    let kind = subject.map { "\(message): \($0)" } ?? message
    switch limit.state.withLock({ $0.decide(kind, now: .now) }) {
    case .leaveOut: return
    case .tell(leftOut: 0): handler.log(event: event)
    case .tell(let leftOut):
      var event = event
      event.metadata = (event.metadata ?? [:]).merging(["left_out": "\(leftOut)"]) { own, _ in own }
      handler.log(event: event)
    }
  }
}

extension LimitedLogHandler {
  /// Writes for each limited message how often it was left out since it was last written; for the end of the process.
  public func tellLeftOut() {
    for (message, count) in limit.state.withLock({ $0.takeLeftOut() }) {
      handler.log(
        event: LogEvent(
          level: .warning, message: "repeated lines were left out",
          metadata: ["line": .string(message), LogKey.count: .stringConvertible(count)], source: "Operations",
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
