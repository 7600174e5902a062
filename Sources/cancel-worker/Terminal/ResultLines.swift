import CancelContract
import Foundation

/// Writes results as lines that people read: aligned columns, and colour where the output is a terminal that wants it.
struct ResultLines {
  let isColoured: Bool

  /// Lines for standard output as it is.
  static func forStandardOutput() -> ResultLines {
    let environment = ProcessInfo.processInfo.environment
    let isTerminal = isatty(STDOUT_FILENO) == 1 && environment["TERM"] != "dumb"
    return ResultLines(isColoured: isTerminal && environment["NO_COLOR"] == nil)
  }

  var header: String {
    row("TIME", "ORDER", "ACCOUNT", "OUTCOME", "TRIES", "TOTAL", "TOKEN OR PROBLEM")
  }

  func line(_ result: CancelResult) -> String {
    let outcome = result.outcome.name + (result.deduplicated ? "*" : "")
    let total = (result.stages.answered - result.stages.produced).microseconds
    let text = row(
      String(describing: result.stages.answered.timeOfDay),
      result.orderID.map { "\($0)" } ?? "-",
      result.account.map { $0.description } ?? "-",
      outcome,
      "\(result.attempts)",
      Self.duration(microseconds: total),
      result.token ?? result.problem?.summary ?? (result.outcome == .accepted ? "(no token)" : "-"))
    return isColoured ? colour(result.outcome) + text + "\u{1B}[0m" : text
  }

  private func row(
    _ time: String, _ order: String, _ account: String, _ outcome: String, _ tries: String, _ total: String,
    _ rest: String
  ) -> String {
    [
      time.padded(to: 12), order.padded(to: 14), account.padded(to: 14), outcome.padded(to: 10), tries.padded(to: 5),
      total.padded(to: 8), rest,
    ].joined(separator: "  ")
  }

  private func colour(_ outcome: CancelOutcome) -> String {
    switch outcome {
    case .accepted: "\u{1B}[32m"
    case .rejected, .expired: "\u{1B}[33m"
    case .failed, .invalid: "\u{1B}[31m"
    }
  }

  private static func duration(microseconds: Int64) -> String {
    switch microseconds {
    case ..<10_000: "\(microseconds / 1000).\((microseconds % 1000) / 100)ms"
    case ..<1_000_000: "\(microseconds / 1000)ms"
    default: "\(microseconds / 1_000_000).\((microseconds % 1_000_000) / 100_000)s"
    }
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String {
    count >= width ? self : self + String(repeating: " ", count: width - count)
  }
}

extension Timestamp {
  /// Hours, minutes, seconds and milliseconds of the day in UTC.
  var timeOfDay: String {
    let milliseconds = ((microseconds / 1000) % 86_400_000 + 86_400_000) % 86_400_000
    return String(
      format: "%02d:%02d:%02d.%03d", milliseconds / 3_600_000, milliseconds / 60_000 % 60, milliseconds / 1000 % 60,
      milliseconds % 1000)
  }
}
