import CancelContract
import CancelCore
import CancelService
import Dispatch
import Logging
import Synchronization

/// One line per published result: at `info`, and at `warning` where the order may still be open (`failed`, `expired`) or the
/// record was no request (`invalid`).
///
/// The lines are written on a queue of their own, so that the worker's loop hands over a batch and goes on. Where they
/// can't be written as fast as results come, no more than `maxBacklog` wait; the rest are left out and counted.
public final class RequestLog: WorkerObserver {
  /// The message of each line.
  static let message: Logger.Message = "request answered"

  private let logger: Logger
  private let queue = DispatchQueue(label: "cancel-worker.request-log")
  private let maxBacklog: Int
  private let backlog = Atomic<Int>(0)
  private let leftOut = Atomic<Int>(0)

  /// A log to `logger`.
  public init(logger: Logger, maxBacklog: Int = 50_000) {
    self.logger = logger
    self.maxBacklog = maxBacklog
  }

  /// Hands the results' lines over to be written.
  public func published(_ results: [CancelResult], refused: [RefusedMessage], at now: Timestamp) {
    guard logger.logLevel <= .warning else { return }
    let results = logger.logLevel <= .info ? results : results.filter { Self.level(of: $0) >= .warning }
    guard !results.isEmpty else { return }
    guard backlog.load(ordering: .relaxed) < maxBacklog else {
      leftOut.wrappingAdd(results.count, ordering: .relaxed)
      return
    }
    backlog.wrappingAdd(results.count, ordering: .relaxed)
    queue.async { self.write(results, at: now) }
  }

  /// Returns when everything that was handed over is written, and what was left out is told.
  public func flush() async {
    await withCheckedContinuation { continuation in
      queue.async {
        self.tellLeftOut()
        continuation.resume()
      }
    }
  }

  private func write(_ results: [CancelResult], at now: Timestamp) {
    for result in results {
      logger.log(
        level: Self.level(of: result), Self.message, metadata: Self.metadata(of: result, publishedAt: now))
    }
    backlog.wrappingSubtract(results.count, ordering: .relaxed)
    tellLeftOut()
  }

  private func tellLeftOut() {
    let missing = leftOut.exchange(0, ordering: .relaxed)
    if missing > 0 {
      logger.warning(
        "lines of answered requests left out: they came faster than they could be written",
        metadata: [LogKey.count: .stringConvertible(missing)])
    }
  }

  private static func level(of result: CancelResult) -> Logger.Level {
    switch result.outcome {
    case .accepted, .rejected, .acknowledged: .info
    case .expired, .failed, .invalid: .warning
    }
  }

  static func metadata(of result: CancelResult, publishedAt: Timestamp) -> Logger.Metadata {
    var metadata: Logger.Metadata = [
      LogKey.cancelID: .string(BoundedText.of(result.cancelID)),
      LogKey.outcome: .string(result.outcome.name),
      LogKey.attempts: .stringConvertible(result.attempts),
      LogKey.deduplicated: .stringConvertible(result.deduplicated),
      LogKey.source: .string(BoundedText.of(result.source.description, limit: 300)),
      LogKey.totalMilliseconds: .stringConvertible(milliseconds(result.stages.produced, publishedAt)),
    ]
    if let orderID = result.orderID { metadata[LogKey.orderID] = .stringConvertible(orderID.value) }
    if let account = result.account { metadata[LogKey.account] = .string(BoundedText.of(account.description)) }
    if let httpStatus = result.httpStatus { metadata[LogKey.httpStatus] = .stringConvertible(httpStatus) }
    if let firstSent = result.stages.firstSent, !result.deduplicated {
      metadata[LogKey.queueMilliseconds] = .stringConvertible(milliseconds(result.stages.produced, firstSent))
      metadata[LogKey.callMilliseconds] = .stringConvertible(milliseconds(firstSent, result.stages.answered))
    }
    if !result.requestIDs.isEmpty {
      let ids = result.requestIDs.suffix(8).map { $0.lowercasedText }
      metadata[LogKey.requestIDs] = .string(ids.joined(separator: " "))
    }
    if let problem = result.problem {
      if let type = problem.type { metadata[LogKey.problem] = .string(BoundedText.of(type, limit: 200)) }
      if let detail = problem.detail ?? problem.title {
        metadata[LogKey.problemDetail] = .string(BoundedText.of(detail, limit: 500))
      }
    }
    let details = result.echo.details
    for (key, text) in [
      (LogKey.campaignID, details.campaignID), (LogKey.requestedBy, details.origin?.actor ?? details.origin?.system),
      (LogKey.requestedBecause, details.reason),
    ] {
      if let text { metadata[key] = .string(BoundedText.of(text, limit: 200)) }
    }
    if let context = W3CTraceContext(headers: result.echoedHeaders) {
      metadata[LogKey.traceID] = .string(context.traceID)
    }
    return metadata
  }

  /// To the microsecond.
  private static func milliseconds(_ from: Timestamp, _ to: Timestamp) -> Double {
    Double(max((to - from).microseconds, 0)) / 1000
  }
}

/// The metadata keys of the worker's log, each with one meaning.
public enum LogKey {
  /// The order's id.
  public static let orderID = "order_id"
  /// The request's own id.
  public static let cancelID = "cancel_id"
  /// The account's name.
  public static let account = "account"
  /// What became of the request.
  public static let outcome = "outcome"
  /// Calls that it took.
  public static let attempts = "attempts"
  /// The API's last status.
  public static let httpStatus = "http_status"
  /// Whether the result came without a call of its own.
  public static let deduplicated = "deduplicated"
  /// The `x-request-id` of its calls, separated by spaces; the last ones where there were many.
  public static let requestIDs = "request_ids"
  /// `topic/partition/offset` of the request.
  public static let source = "source"
  /// From the request's production to its first call, in milliseconds.
  public static let queueMilliseconds = "queue_ms"
  /// From the first call to the answer that settled it, in milliseconds.
  public static let callMilliseconds = "call_ms"
  /// From the request's production to its published result, in milliseconds.
  public static let totalMilliseconds = "total_ms"
  /// The campaign that the request belongs to.
  public static let campaignID = "campaign_id"
  /// Who asked, as the request said: its actor, else its system.
  public static let requestedBy = "requested_by"
  /// Why, as the request said.
  public static let requestedBecause = "requested_because"
  /// The trace's id.
  public static let traceID = "trace_id"
  /// The type of the problem that a result carries.
  public static let problem = "problem"
  /// What the problem says.
  public static let problemDetail = "problem_detail"
  /// The digest of a user key, as metrics and the live page show it.
  public static let userKey = "key"
  /// The accounts that use a user key.
  public static let accounts = "accounts"
  /// Why something changed.
  public static let reason = "reason"
  /// How long something took or lasted, in seconds.
  public static let seconds = "seconds"
  /// Partitions' numbers, separated by commas.
  public static let partitions = "partitions"
  /// A topic's name.
  public static let topic = "topic"
  /// How many lines were left out.
  public static let count = "count"
}

/// A sender's text, fit for a line of a log.
enum BoundedText {
  /// No more than `limit` characters; what could break a line or deceive a reader is written as `\u{…}`.
  static func of(_ text: String, limit: Int = 128) -> String {
    let utf8 = text.utf8
    if utf8.count <= limit && utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return text }
    var bounded = ""
    var count = 0
    for scalar in text.unicodeScalars {
      guard count < limit else { return bounded + "…" }
      count += 1
      if isPlain(scalar) {
        bounded.unicodeScalars.append(scalar)
      } else {
        bounded += "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return bounded
  }

  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
    default: true
    }
  }
}
