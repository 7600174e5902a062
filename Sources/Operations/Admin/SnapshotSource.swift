import CancelContract
import CancelService
import NIOCore
import Synchronization

/// Snapshots of the worker, whether or not its loop answers.
///
/// While the loop is silent, the last snapshot is told again, older by the silence and not ready: an alert on the age of
/// the oldest request goes off all the same.
final class SnapshotSource: Sendable {
  private let query: CoalescedQuery<WorkerSnapshot>
  private let last: Mutex<(snapshot: WorkerSnapshot, at: ContinuousClock.Instant)>

  /// - Parameters:
  ///   - initial: what is told until the worker has answered once.
  ///   - patience: how long the worker's loop may take.
  init(
    initial: WorkerSnapshot, patience: Duration, eventLoop: any EventLoop,
    snapshot: @escaping @Sendable () async -> WorkerSnapshot
  ) {
    self.query = CoalescedQuery(
      maxAge: .milliseconds(500), patience: patience, eventLoop: eventLoop, ask: snapshot)
    self.last = Mutex((initial, .now))
  }

  /// The worker as it is now.
  func current() async -> WorkerSnapshot {
    if let snapshot = await query.value() {
      last.withLock { $0 = (snapshot, .now) }
      return snapshot
    }
    var (snapshot, at) = last.withLock { $0 }
    let silence = ContinuousClock.now - at
    snapshot.takenAt = snapshot.takenAt + silence
    for (priority, count) in snapshot.pending where count > 0 {
      snapshot.unexplainedWait[priority, default: .zero] += silence
    }
    snapshot.notReady.append(
      WorkerSnapshot.Reason("worker-silent", "the worker's loop has not answered in time; its figures are old"))
    return snapshot
  }
}

/// A question whose answer many ask for at once: it is put once, and nobody waits longer than `patience`.
///
/// However often it is asked, the worker's loop meets it no more than once per `maxAge`, and one that doesn't answer
/// leaves one question standing, not a heap of them.
final class CoalescedQuery<Value: Sendable>: Sendable {
  private struct State {
    var last: (value: Value, at: ContinuousClock.Instant)?
    var isAsking = false
    var nextWaiter: UInt64 = 0
    var waiters: [UInt64: CheckedContinuation<Value?, Never>] = [:]
  }

  private let state = Mutex(State())
  private let maxAge: Duration
  private let patience: Duration
  private let eventLoop: any EventLoop
  private let ask: @Sendable () async -> Value

  /// - Parameters:
  ///   - maxAge: an answer that is no older is given again.
  ///   - eventLoop: where the patience is measured.
  init(
    maxAge: Duration, patience: Duration, eventLoop: any EventLoop, ask: @escaping @Sendable () async -> Value
  ) {
    self.maxAge = maxAge
    self.patience = patience
    self.eventLoop = eventLoop
    self.ask = ask
  }

  /// The answer; `nil` where none came in time.
  func value() async -> Value? {
    await withCheckedContinuation { continuation in
      let (answer, waiter, mustAsk) = state.withLock { state -> (Value?, UInt64, Bool) in
        if let last = state.last, last.at + maxAge > .now { return (last.value, 0, false) }
        state.nextWaiter += 1
        state.waiters[state.nextWaiter] = continuation
        defer { state.isAsking = true }
        return (nil, state.nextWaiter, !state.isAsking)
      }
      if let answer { return continuation.resume(returning: answer) }
      eventLoop.scheduleTask(in: .microseconds(patience.microseconds)) { self.give(nil, to: waiter) }
      guard mustAsk else { return }
      Task {
        let value = await ask()
        answered(value)
      }
    }
  }

  private func answered(_ value: Value) {
    let waiters = state.withLock { state in
      state.last = (value, .now)
      state.isAsking = false
      defer { state.waiters = [:] }
      return state.waiters.values
    }
    for waiter in waiters { waiter.resume(returning: value) }
  }

  private func give(_ value: Value?, to waiter: UInt64) {
    state.withLock { $0.waiters.removeValue(forKey: waiter) }?.resume(returning: value)
  }
}
