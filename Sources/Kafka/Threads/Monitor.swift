import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A value behind a lock, with a condition to wait on: threads that block need what `Mutex` alone does not give.
///
/// `@unchecked`: the state is reached only in `update` and `wait`, both of which hold the lock while they touch it;
/// the lock and the condition are allocated once and freed when nobody can reach the monitor any more.
final class Monitor<State: Sendable>: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var state: State

  init(_ state: State) {
    self.state = state
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    condition = .allocate(capacity: 1)
    condition.initialize(to: pthread_cond_t())
    pthread_mutex_init(mutex, nil)
    #if canImport(Darwin)
      pthread_cond_init(condition, nil)
    #else
      var attributes = pthread_condattr_t()
      pthread_condattr_init(&attributes)
      pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
      pthread_cond_init(condition, &attributes)
      pthread_condattr_destroy(&attributes)
    #endif
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Changes the state and wakes all who wait.
  func update<R>(_ body: (inout State) throws -> R) rethrows -> R {
    pthread_mutex_lock(mutex)
    defer {
      pthread_cond_broadcast(condition)
      pthread_mutex_unlock(mutex)
    }
    return try body(&state)
  }

  /// Looks at the state or changes it in a way that concerns nobody who waits.
  func withLock<R>(_ body: (inout State) throws -> R) rethrows -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&state)
  }

  /// Blocks until `body` gives a result, asking again after each update, or until the time is up (`nil`).
  func wait<R>(upTo limit: Duration? = nil, for body: (inout State) -> R?) -> R? {
    let deadline = limit.map { MonotonicDeadline(after: $0) }
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(&state) { return result }
      guard let deadline else {
        pthread_cond_wait(condition, mutex)
        continue
      }
      guard deadline.block(on: condition, mutex) else { return body(&state) }
    }
  }
}

/// A point of the monotonic clock up to which a thread blocks.
private struct MonotonicDeadline {
  private let instant: ContinuousClock.Instant

  init(after duration: Duration) {
    instant = .now + duration
  }

  /// Blocks until the condition is signalled (true) or the deadline has come (false).
  func block(on condition: UnsafeMutablePointer<pthread_cond_t>, _ mutex: UnsafeMutablePointer<pthread_mutex_t>)
    -> Bool
  {
    let (seconds, attoseconds) = max(.zero, instant - .now).components
    #if canImport(Darwin)
      var limit = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
      return pthread_cond_timedwait_relative_np(condition, mutex, &limit) == 0
    #else
      var limit = timespec()
      clock_gettime(CLOCK_MONOTONIC, &limit)
      limit.tv_sec += Int(seconds)
      limit.tv_nsec += Int(attoseconds / 1_000_000_000)
      if limit.tv_nsec >= 1_000_000_000 {
        limit.tv_sec += 1
        limit.tv_nsec -= 1_000_000_000
      }
      return pthread_cond_timedwait(condition, mutex, &limit) == 0
    #endif
  }
}

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
