import CancelContract
import Kafka
import Synchronization

/// Counts results against the requests that were sent, each by its own coordinates.
final class ResultTally: Sendable {
  private struct State {
    var sources: Set<SourceCoordinates> = []
    var results: [CancelResult] = []
    var outcomes: [CancelOutcome: Int] = [:]
    var deduplicated = 0
  }

  private let state = Mutex(State())
  private let view: DemoView

  init(view: DemoView) {
    self.view = view
  }

  var results: [CancelResult] { state.withLock { $0.results } }

  /// Counts these messages.
  ///
  /// - Returns: the number of requests that have a result now.
  func take(_ messages: [KafkaMessage]) -> Int {
    for message in messages {
      guard let event = try? ResultDecoder().decode(message) else { continue }
      state.withLock { state in
        state.sources.insert(event.result.source)
        state.results.append(event.result)
        state.outcomes[event.result.outcome, default: 0] += 1
        if event.result.deduplicated { state.deduplicated += 1 }
      }
      view.show(event.result)
    }
    return state.withLock { $0.sources.count }
  }

  /// How many requests have no result, and how many results there are too many.
  func verdict(requests: Int) -> (results: Int, missing: Int, repeated: Int) {
    state.withLock { state in
      (state.results.count, requests - state.sources.count, state.results.count - state.sources.count)
    }
  }

  /// The outcomes in a line.
  var summary: String {
    state.withLock { state in
      let outcomes = CancelOutcome.allCases.map { "\($0.name)=\(state.outcomes[$0] ?? 0)" }
      return (outcomes + ["without a call of their own=\(state.deduplicated)"]).joined(separator: " ")
    }
  }
}
