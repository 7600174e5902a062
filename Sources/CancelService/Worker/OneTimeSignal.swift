import CancelContract
import Synchronization

/// Sent once; whoever waits for it goes on, then or later.
final class OneTimeSignal: Sendable {
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
