import Synchronization

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
