import CancelContract
import Kafka
import Synchronization

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
    var found: [CancelResult] = []
  }

  private let state: Mutex<State>
  private let printer: ResultPrinter
  private let view: WaitingView

  init(_ cancelIDs: Set<String>, _ printer: ResultPrinter, _ view: WaitingView) {
    state = Mutex(State(missing: cancelIDs))
    self.printer = printer
    self.view = view
  }

  var found: [CancelResult] { state.withLock { $0.found } }

  /// Prints those results among the messages that are waited for.
  ///
  /// - Returns: whether none is missing any more.
  func take(_ messages: [KafkaMessage]) -> Bool {
    for message in messages {
      guard let event = try? ResultDecoder().decode(message) else { continue }
      let isAwaited = state.withLock { state in
        guard state.missing.remove(event.result.cancelID) != nil else { return false }
        state.found.append(event.result)
        return true
      }
      if isAwaited {
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

extension ProgressDecoder {
  /// Reads the progress event in a message.
  func decode(_ message: KafkaMessage) throws -> ProgressEvent {
    try decode(
      value: message.value, key: message.key,
      headers: message.headers.map { RecordHeader(name: $0.name, value: $0.value) }
    ).progress
  }
}
