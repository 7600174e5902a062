import CancelContract
import Kafka
import Synchronization

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
