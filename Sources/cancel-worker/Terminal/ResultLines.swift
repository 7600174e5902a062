import CancelContract
import Foundation
import Kafka
import Synchronization

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
    case .accepted, .acknowledged: "\u{1B}[32m"
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

/// Prints results as they come: lines for people, or JSON for pipes.
struct ResultPrinter: Sendable {
  private let json: Bool
  private let lines = ResultLines.forStandardOutput()

  init(json: Bool) {
    self.json = json
  }

  func begin() {
    if !json { StandardOutput.write(lines.header + "\n") }
  }

  func print(_ result: CancelResult, value: [UInt8]) {
    StandardOutput.write(json ? String(decoding: value, as: UTF8.self) + "\n" : lines.line(result) + "\n")
  }
}

/// The results that a command waits for.
final class AwaitedResults: Sendable {
  private struct State {
    var missing: Set<String>
    var outcomes: [CancelOutcome: Int] = [:]
    var accepted: Set<String> = []
  }

  private let state: Mutex<State>
  private let printer: ResultPrinter
  private let view: WaitingView
  private let onResult: @Sendable () -> Void

  /// - Parameter onResult: called for each result that was waited for.
  init(
    _ cancelIDs: Set<String>, _ printer: ResultPrinter, _ view: WaitingView, onResult: @escaping @Sendable () -> Void
  ) {
    self.onResult = onResult
    state = Mutex(State(missing: cancelIDs))
    self.printer = printer
    self.view = view
  }

  /// How many results of each outcome came.
  var outcomes: [CancelOutcome: Int] { state.withLock { $0.outcomes } }

  /// The requests that were accepted by a call of their own.
  var accepted: Set<String> { state.withLock { $0.accepted } }

  /// Prints those results among the messages that are waited for.
  ///
  /// - Returns: whether none is missing any more.
  func take(_ messages: [KafkaMessage]) -> Bool {
    for message in messages {
      guard let event = try? ResultDecoder().decode(message) else { continue }
      let isAwaited = state.withLock { state in
        guard state.missing.remove(event.result.cancelID) != nil else { return false }
        state.outcomes[event.result.outcome, default: 0] += 1
        if event.result.outcome == .accepted, !event.result.deduplicated {
          state.accepted.insert(event.result.cancelID)
        }
        return true
      }
      if isAwaited {
        onResult()
        view.answered(event.result.cancelID) { printer.print(event.result, value: message.value ?? []) }
      }
    }
    return state.withLock { $0.missing.isEmpty }
  }
}

extension ResultDecoder {
  /// Reads the result in a message.
  func decode(_ message: KafkaMessage) throws -> Event {
    try decode(
      value: message.value, key: message.key,
      headers: message.headers.map { RecordHeader(name: $0.name, value: $0.value) })
  }
}

extension ConfirmationDecoder {
  /// Reads the confirmation in a message.
  func decode(_ message: KafkaMessage) throws -> ConfirmationEvent {
    try decode(
      value: message.value, key: message.key,
      headers: message.headers.map { RecordHeader(name: $0.name, value: $0.value) })
  }
}

extension ProgressDecoder {
  /// Reads the progress event in a message.
  func decode(_ message: KafkaMessage) throws -> ProgressEvent {
    try decode(
      value: message.value, key: message.key,
      headers: message.headers.map { RecordHeader(name: $0.name, value: $0.value) }
    ).progress
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

/// The confirmations that a command waits for: what became of orders whose cancel was accepted.
final class AwaitedConfirmations: Sendable {
  private struct State {
    var missing: Set<String>
    var verdicts: [ConfirmationEvent.Verdict: Int] = [:]
  }

  private let state: Mutex<State>
  private let json: Bool

  /// - Parameter cancelIDs: the requests that were accepted by a call of their own.
  init(_ cancelIDs: Set<String>, json: Bool) {
    state = Mutex(State(missing: cancelIDs))
    self.json = json
  }

  /// Requests without a confirmation.
  var missing: Int { state.withLock { $0.missing.count } }

  /// Whether every order that was looked up is cancelled.
  var areAllCancelled: Bool { state.withLock { $0.verdicts.keys.allSatisfy { $0 == .cancelled } } }

  /// How many orders had which verdict.
  var summary: String {
    let verdicts = state.withLock { $0.verdicts }
    return ConfirmationEvent.Verdict.allCases.map { "\($0.rawValue)=\(verdicts[$0] ?? 0)" }.joined(separator: " ")
  }

  /// Prints those confirmations among the messages that are waited for.
  ///
  /// - Returns: whether none is missing any more.
  func take(_ messages: [KafkaMessage]) -> Bool {
    for message in messages {
      guard let event = try? ConfirmationDecoder().decode(message) else { continue }
      let isAwaited = state.withLock { state in
        guard state.missing.remove(event.echo.cancelID) != nil else { return false }
        state.verdicts[event.verdict, default: 0] += 1
        return true
      }
      if isAwaited { show(event, message.value ?? []) }
    }
    return state.withLock { $0.missing.isEmpty }
  }

  private func show(_ event: ConfirmationEvent, _ value: [UInt8]) {
    if json { return StandardOutput.write(String(decoding: value, as: UTF8.self) + "\n") }
    let status = event.status.flatMap { $0.name ?? $0.id.map(String.init) }.map { " (\($0))" } ?? ""
    let problem = event.problem?.summary.map { ": \($0)" } ?? ""
    StandardOutput.write("confirmed  \(event.orderID)  \(event.verdict.rawValue)\(status)\(problem)\n")
  }
}
