import CancelService
import CancelContract
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
    snapshot.takenAt = snapshot.takenAt + (.now - at)
    snapshot.notReady.append(
      WorkerSnapshot.Reason("worker-silent", "the worker's loop has not answered in time; its figures are old"))
    return snapshot
  }
}
