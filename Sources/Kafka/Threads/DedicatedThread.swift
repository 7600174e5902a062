import CRdkafka
import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Threads for calls that block, so that none of them takes one of Swift's few.
enum DedicatedThread {
  /// Starts a thread that ends with the body. The name is cut to the 15 bytes that the system keeps.
  static func start(name: String, _ body: @escaping @Sendable () -> Void) {
    let work = Unmanaged.passRetained(Work(name: name, body: body))
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    let status = pthread_create(&thread, nil, runWork, work.toOpaque())
    guard status == 0 else {
      work.release()
      preconditionFailure("the system gives no more threads (pthread_create: \(status))")
    }
    #if canImport(Darwin)
      if let thread { pthread_detach(thread) }
    #else
      pthread_detach(thread)
    #endif
  }

  /// Blocks the calling thread; for threads of one's own between two attempts.
  static func rest(for duration: Duration) {
    let nothing: Void? = Monitor(()).wait(upTo: duration) { _ in nil }
    _ = nothing
  }
}

private final class Work: Sendable {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}

#if canImport(Darwin)
  private func runWork(_ opaque: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    let work = Unmanaged<Work>.fromOpaque(opaque).takeRetainedValue()
    pthread_setname_np(work.name)
    work.body()
    return nil
  }
#else
  private func runWork(_ opaque: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let opaque else { return nil }
    let work = Unmanaged<Work>.fromOpaque(opaque).takeRetainedValue()
    pthread_setname_np(pthread_self(), String(work.name.prefix(15)))
    work.body()
    return nil
  }
#endif

/// Runs an actor on one thread of its own, so that its methods may call what blocks.
///
/// The thread ends when the executor is released; jobs keep the executor alive until they have run.
public final class DedicatedThreadExecutor: SerialExecutor {
  private struct Jobs: Sendable {
    var waiting: [(job: UnownedJob, executor: DedicatedThreadExecutor)] = []
    var isStopped = false
  }

  private let jobs = Monitor(Jobs())

  /// Starts the thread. The name shows in the system's tools, cut to 15 bytes.
  public init(name: String) {
    DedicatedThread.start(name: name) { [jobs] in
      while Self.runWaiting(jobs) {}
    }
  }

  deinit {
    jobs.update { $0.isStopped = true }
  }

  /// Puts a job at the end of the thread's queue.
  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.update { $0.waiting.append((job, self)) }
  }

  /// Runs what waits, blocking until there is something; false when the executor is gone.
  private static func runWaiting(_ jobs: Monitor<Jobs>) -> Bool {
    let batch = jobs.wait { jobs -> [(job: UnownedJob, executor: DedicatedThreadExecutor)]? in
      guard !jobs.waiting.isEmpty || jobs.isStopped else { return nil }
      let batch = jobs.waiting
      jobs.waiting = []
      return batch
    }
    guard let batch, !batch.isEmpty else { return false }
    for entry in batch {
      entry.job.runSynchronously(on: entry.executor.asUnownedSerialExecutor())
    }
    return true
  }
}

/// Runs a blocking piece of work on a thread of its own, for a task that waits for it.
enum BlockingTask {
  /// - Parameter body: asks its argument from time to time whether the task was cancelled, and then ends soon.
  static func run<R: Sendable>(
    name: String, _ body: @escaping @Sendable (_ isCancelled: () -> Bool) throws -> R
  ) async throws -> R {
    let cancelled = CancellationFlag()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        DedicatedThread.start(name: name) {
          continuation.resume(with: Result { try body { cancelled.isSet } })
        }
      }
    } onCancel: {
      cancelled.set()
    }
  }
}

private final class CancellationFlag: Sendable {
  private let value = Atomic<Bool>(false)

  var isSet: Bool { value.load(ordering: .relaxed) }

  func set() { value.store(true, ordering: .relaxed) }
}
