import CancelContract
import Foundation
import Kafka
import Logging
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Writes log lines to standard error: text for people, or JSON for machines.
public struct WorkerLogHandler: LogHandler {
  /// The form of a line.
  public enum Format: String, Sendable {
    /// `time level message key=value …`
    case text
    /// One JSON object with `time`, `level`, `logger`, `message` and the metadata.
    case json
  }

  /// The least severe level that is written.
  public var logLevel = Logger.Level.info
  /// What every line carries.
  public var metadata = Logger.Metadata()
  private let label: String
  private let format: Format
  private let write: @Sendable (String) -> Void

  /// A handler that writes whole lines with `write`.
  public init(
    label: String, format: Format, level: Logger.Level,
    write: @escaping @Sendable (String) -> Void = WorkerLogHandler.writeToStandardError
  ) {
    self.label = label
    self.format = format
    self.logLevel = level
    self.write = write
  }

  /// Writes to standard error in one piece; a log that nobody reads does not end the worker.
  public static let writeToStandardError: @Sendable (String) -> Void = { line in
    StandardStream.error.write(line)
  }

  /// One entry of ``metadata``.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes one line.
  public func log(event: LogEvent) {
    let merged = metadata.merging(event.metadata ?? [:]) { _, own in own }
    let pairs = merged.map { ($0.key, "\($0.value)") }.sorted { $0.0 < $1.0 }
    let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1000) * 1000)
    let time = now.rfc3339
    switch format {
    case .text:
      let details = pairs.map { " \($0.0)=\(WorkerLogHandler.quoted($0.1))" }.joined()
      let level = event.level.rawValue.uppercased()
      write("\(time) \(level) \(WorkerLogHandler.escaped(event.message.description))\(details)\n")
    case .json:
      var members = [("time", time), ("level", event.level.rawValue), ("logger", label)]
      members.append(("message", event.message.description))
      members += pairs.filter { pair in !members.contains { $0.0 == pair.0 } }
      let body = members.map { "\(WorkerLogHandler.jsonText($0.0)):\(WorkerLogHandler.jsonText($0.1))" }
      write("{\(body.joined(separator: ","))}\n")
    }
  }

  private static func quoted(_ text: String) -> String {
    let plain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x3D && $0 != 0x5C }
    return plain && !text.isEmpty ? text : jsonText(text)
  }

  /// A line stays a line, whatever was put into it.
  private static func escaped(_ text: String) -> String {
    text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) ? text : jsonText(text)
  }

  private static func jsonText(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\r": quoted += "\\r"
      case "\t": quoted += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F || scalar.value == 0x2028 || scalar.value == 0x2029:
        quoted += "\\u" + String(format: "%04x", scalar.value)
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}

/// Standard output or standard error, written without an end to the process where nobody reads any more (Foundation's
/// `FileHandle` traps then).
public enum StandardStream: Int32, Sendable {
  case output = 1
  case error = 2

  /// Writes all of the text, or as much as there is a reader or room for.
  ///
  /// - Returns: 0 where all of it was written; else the system's error number.
  @discardableResult
  public func write(_ text: String) -> Int32 {
    var text = text
    return text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while let start = rest.baseAddress, !rest.isEmpty {
        #if canImport(Darwin)
          let written = Darwin.write(rawValue, start, rest.count)
        #elseif canImport(Musl)
          let written = Musl.write(rawValue, start, rest.count)
        #else
          let written = Glibc.write(rawValue, start, rest.count)
        #endif
        if written < 0 && errno == EINTR { continue }
        if written < 0 && errno == EAGAIN {
          // Somebody who shares the stream made it non-blocking.
          var room = pollfd(fd: rawValue, events: Int16(POLLOUT), revents: 0)
          _ = poll(&room, 1, -1)
          continue
        }
        guard written > 0 else { return errno }
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      }
      return 0
    }
  }
}

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
