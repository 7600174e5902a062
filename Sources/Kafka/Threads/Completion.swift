import Synchronization

/// Something that happens once, and that tasks can wait for with a bound.
package final class Completion: Sendable {
  private struct State {
    var isDone = false
    var nextID = 0
    var waiters: [Int: CheckedContinuation<Bool, Never>] = [:]
  }

  private let state = Mutex(State())

  /// One that has not happened yet.
  package init() {}

  /// It happened: all who wait go on.
  package func fulfil() {
    let waiters = state.withLock { state in
      state.isDone = true
      let waiters = state.waiters
      state.waiters = [:]
      return waiters
    }
    for waiter in waiters.values { waiter.resume(returning: true) }
  }

  /// Whether it happened.
  package var isDone: Bool { state.withLock { $0.isDone } }

  /// Waits until it happened (true), or until the time is up or the task is cancelled (false).
  @discardableResult
  package func wait(upTo limit: Duration) async -> Bool {
    await withTaskGroup(of: Bool.self) { group in
      group.addTask { await self.wait() }
      group.addTask {
        try? await Task.sleep(for: limit)
        return false
      }
      let first = await group.next() ?? false
      group.cancelAll()
      return first
    }
  }

  /// Waits until it happened (true), or until the task is cancelled (false).
  @discardableResult
  package func wait() async -> Bool {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let result: Bool? = state.withLock { state in
          if state.isDone { return true }
          if Task.isCancelled { return false }
          state.waiters[id] = continuation
          return nil
        }
        if let result { continuation.resume(returning: result) }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: false)
    }
  }
}
