import Kafka
import Synchronization

/// Lets queries pass until it is closed; closing waits for those that are under way, so that what they use may end then.
final class QueryGate: Sendable {
  private struct State {
    var isClosed = false
    var underWay = 0
  }

  private let state = Mutex(State())
  private let isIdle = Completion()

  /// Runs `body`; `nil` where the gate is closed.
  @discardableResult
  func pass<Result: Sendable>(_ body: () async -> Result) async -> Result? {
    let isOpen = state.withLock { state in
      if !state.isClosed { state.underWay += 1 }
      return !state.isClosed
    }
    guard isOpen else { return nil }
    defer { leave() }
    return await body()
  }

  /// Lets no further query pass, and waits for those that are under way.
  func close() async {
    let isIdleAlready = state.withLock { state in
      state.isClosed = true
      return state.underWay == 0
    }
    if !isIdleAlready { await isIdle.wait() }
  }

  private func leave() {
    let isLast = state.withLock { state in
      state.underWay -= 1
      return state.isClosed && state.underWay == 0
    }
    if isLast { isIdle.fulfil() }
  }
}
