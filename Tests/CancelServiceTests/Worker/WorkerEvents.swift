import CancelContract
import CancelCore
import CancelService
import Synchronization

/// What the workers of a test did, for it to wait for.
final class WorkerEvents: Sendable {
  /// What was read of the ledgers under one assignment.
  struct Restore: Sendable {
    var worker: String
    var partitions: [Int32]
    var records: Int
  }

  struct State: Sendable {
    var restores: [Restore] = []
    var published: [CancelResult] = []
    var aborts = 0
    var assigned: [String: Int] = [:]

    /// Requests that have a result.
    var answered: Int { Set(published.map(\.source)).count }

    func restores(of worker: String) -> [Restore] { restores.filter { $0.worker == worker } }
  }

  private struct Content {
    var state = State()
    var waiters: [(isMet: @Sendable (State) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let content = Mutex(Content())

  var state: State { content.withLock { $0.state } }

  /// An observer for the worker of this name.
  func observer(_ worker: String) -> any WorkerObserver { Observer(worker: worker, events: self) }

  /// Waits until the state is as wanted.
  func wait(until isMet: @escaping @Sendable (State) -> Bool) async {
    await withCheckedContinuation { continuation in
      update { $0.waiters.append((isMet, continuation)) }
    }
  }

  fileprivate func note(_ change: (inout State) -> Void) {
    update { change(&$0.state) }
  }

  private func update(_ change: (inout Content) -> Void) {
    let met = content.withLock { content in
      change(&content)
      let state = content.state
      let met = content.waiters.filter { $0.isMet(state) }.map(\.continuation)
      content.waiters.removeAll { $0.isMet(state) }
      return met
    }
    for continuation in met { continuation.resume() }
  }

  private struct Observer: WorkerObserver {
    let worker: String
    let events: WorkerEvents

    func published(_ results: [CancelResult], refused: [RefusedMessage], at now: Timestamp) {
      events.note { $0.published += results }
    }
    func aborted(_ error: any Error) { events.note { $0.aborts += 1 } }
    func assigned(_ partitions: [Int32]) {
      events.note { state in
        state.assigned[worker, default: 0] += partitions.count
        state.restores.append(Restore(worker: worker, partitions: [], records: 0))
      }
    }
    func restored(_ partitions: [Int32], records: Int, after duration: Duration) {
      events.note { state in
        guard let last = state.restores.lastIndex(where: { $0.worker == worker }) else { return }
        state.restores[last].partitions += partitions
        state.restores[last].records += records
      }
    }
  }
}
