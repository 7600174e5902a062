import CancelContract
import Synchronization

/// Sent once, when the worker is to stop; whoever waits for it goes on.
final class StopSignal: Sendable {
  private let stream: AsyncStream<Never>
  private let continuation: AsyncStream<Never>.Continuation
  private let sent = Mutex(false)

  init() {
    (stream, continuation) = AsyncStream.makeStream(of: Never.self)
  }

  var isSent: Bool { sent.withLock { $0 } }

  func send() {
    sent.withLock { $0 = true }
    continuation.finish()
  }

  /// Waits until it is sent, or the task is cancelled.
  func wait() async {
    for await _ in stream {}
  }

  /// Waits until it is sent, or for `duration`.
  func wait(atMost duration: Duration) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { try? await Task.sleep(for: duration) }
      group.addTask { await self.wait() }
      await group.next()
      group.cancelAll()
    }
  }
}
