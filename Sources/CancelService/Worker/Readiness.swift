import CancelContract
import CancelCore
import Synchronization

/// Whether the worker does its job: it has partitions, their ledgers are read, its producer is ready.
public final class Readiness: WorkerObserver {
  /// What a worker that is not ready waits for.
  public enum Missing: String, Sendable, CaseIterable {
    /// The broker, the topics or the producer's first transaction.
    case broker
    /// The group's first assignment.
    case assignment
    /// The ledger's end.
    case ledger
    /// Its own end: it is stopping.
    case stop
  }

  private struct State {
    var missing: Missing? = .broker
    var restoring: Set<Int32> = []
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  /// What is missing; `nil` for a worker that is ready.
  public var missing: Missing? {
    state.withLock { $0.missing }
  }

  /// Waits until the worker is ready, or stops.
  public func waitUntilReady() async {
    await withCheckedContinuation { continuation in
      update { $0.waiters.append(continuation) }
    }
  }

  func wait(for missing: Missing) {
    update { state in
      if state.missing != .stop { state.missing = missing }
    }
  }

  private func update(_ change: (inout State) -> Void) {
    let resumed = state.withLock { state in
      change(&state)
      guard state.missing == nil || state.missing == .stop else { return [CheckedContinuation<Void, Never>]() }
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in resumed { waiter.resume() }
  }

  /// The ledgers of these partitions are being read.
  public func assigned(_ partitions: [Int32]) {
    update { state in
      state.restoring.formUnion(partitions)
      if state.missing != .stop { state.missing = partitions.isEmpty ? nil : .ledger }
    }
  }

  /// The ledgers of these partitions were read.
  public func restored(_ partitions: [Int32], records: Int, after duration: Duration) {
    update { state in
      state.restoring.subtract(partitions)
      if state.restoring.isEmpty && state.missing == .ledger { state.missing = nil }
    }
  }

  /// A worker without partitions waits for an assignment.
  public func gaveUp(_ partitions: [Int32], lost: Bool) {
    update { state in
      state.restoring.subtract(partitions)
      if state.missing != .stop { state.missing = .assignment }
    }
  }
}
