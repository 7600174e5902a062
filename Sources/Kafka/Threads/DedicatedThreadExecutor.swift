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
