import CancelService
import CancelContract
import CancelCore
import Dispatch
import Logging
import Synchronization

/// One line per published result, at `info`.
///
/// The lines are written on a queue of their own, so that the worker's loop hands over a batch and goes on. Where they
/// can't be written as fast as results come, no more than `maxBacklog` wait; the rest are left out and counted.
public final class RequestLog: WorkerObserver {
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
    guard logger.logLevel <= .info, !results.isEmpty else { return }
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
      logger.info("request answered", metadata: Self.metadata(of: result, publishedAt: now))
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
      let ids = result.requestIDs.suffix(8).map { $0.uuidString.lowercased() }
      metadata[LogKey.requestIDs] = .string(ids.joined(separator: " "))
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
