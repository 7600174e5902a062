import CancelContract
import Synchronization

/// Which of the requests that wait are kill-switches: a result doesn't say.
///
/// Used on the worker's loop alone; the lock only proves it. Requests restored from the ledger are not known here.
final class KillSwitchRequests: Sendable {
  private struct Place: Hashable {
    var partition: Int32
    var offset: Int64
  }

  private let places = Mutex<Set<Place>>([])

  func insert(_ source: SourceCoordinates) {
    _ = places.withLock { $0.insert(Place(partition: source.partition, offset: source.offset)) }
  }

  /// Whether each result answers a kill-switch; empty where none does. They are forgotten.
  func take(_ results: [CancelResult]) -> [Bool] {
    places.withLock { places in
      guard !places.isEmpty else { return [] }
      return results.map {
        places.remove(Place(partition: $0.source.partition, offset: $0.source.offset)) != nil
      }
    }
  }

  func drop(_ partitions: [Int32]) {
    places.withLock { places in places = places.filter { !partitions.contains($0.partition) } }
  }
}
