import Synchronization

/// A value that changes, and that tests wait for.
final class Recorder<State: Sendable>: Sendable {
  private struct Waiter {
    let isSatisfied: @Sendable (State) -> Bool
    let continuation: CheckedContinuation<Bool, Never>
  }

  private struct Content {
    var state: State
    var waiters: [Int: Waiter] = [:]
    var nextID = 0
  }

  private let content: Mutex<Content>

  init(_ state: State) {
    content = Mutex(Content(state: state))
  }

  var state: State { content.withLock { $0.state } }

  func update<R: Sendable>(_ change: @Sendable (inout State) -> R) -> R {
    let (result, satisfied) = content.withLock { content in
      let result = change(&content.state)
      let satisfied = content.waiters.filter { $0.value.isSatisfied(content.state) }
      for id in satisfied.keys { content.waiters[id] = nil }
      return (result, satisfied.values.map(\.continuation))
    }
    for continuation in satisfied { continuation.resume(returning: true) }
    return result
  }

  /// Waits until the state is as wanted; throws when that takes longer than the limit.
  @discardableResult
  func wait(
    _ what: String, upTo limit: Duration = .seconds(30), until isSatisfied: @escaping @Sendable (State) -> Bool
  ) async throws -> State {
    let isDone = await withTaskGroup(of: Bool.self) { group in
      group.addTask { await self.wait(until: isSatisfied) }
      group.addTask {
        try? await Task.sleep(for: limit)
        return false
      }
      let first = await group.next() ?? false
      group.cancelAll()
      return first
    }
    guard isDone else { throw TooLate(what: what, state: "\(state)") }
    return state
  }

  private func wait(until isSatisfied: @escaping @Sendable (State) -> Bool) async -> Bool {
    let id = content.withLock { content in
      content.nextID += 1
      return content.nextID
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let result: Bool? = content.withLock { content in
          if isSatisfied(content.state) { return true }
          if Task.isCancelled { return false }
          content.waiters[id] = Waiter(isSatisfied: isSatisfied, continuation: continuation)
          return nil
        }
        if let result { continuation.resume(returning: result) }
      }
    } onCancel: {
      let waiter = content.withLock { $0.waiters.removeValue(forKey: id) }
      waiter?.continuation.resume(returning: false)
    }
  }
}

struct TooLate: Error, CustomStringConvertible {
  let what: String
  let state: String
  var description: String { "waited in vain for \(what); the state is \(state.prefix(2000))" }
}
