import Kafka
import Synchronization

/// Lets callers in until it is closed, which waits for the last of them to leave: what they use may end after that.
final class Entrance: Sendable {
  private struct State {
    var isClosed = false
    var inside = 0
  }

  private let state = Mutex(State())
  private let isEmpty = Completion()

  /// Runs `body` inside; `nil` where it is closed.
  @discardableResult
  func pass<Result: Sendable>(_ body: () async -> Result) async -> Result? {
    let isOpen = state.withLock { state in
      if !state.isClosed { state.inside += 1 }
      return !state.isClosed
    }
    guard isOpen else { return nil }
    defer { leave() }
    return await body()
  }

  /// Lets nobody in any more, and waits until nobody is inside.
  func close() async {
    let isEmptyAlready = state.withLock { state in
      state.isClosed = true
      return state.inside == 0
    }
    if !isEmptyAlready { await isEmpty.wait() }
  }

  private func leave() {
    let isLast = state.withLock { state in
      state.inside -= 1
      return state.isClosed && state.inside == 0
    }
    if isLast { isEmpty.fulfil() }
  }
}
