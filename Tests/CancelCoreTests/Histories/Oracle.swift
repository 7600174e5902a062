import CancelContract
import Testing

@testable import CancelCore

/// An order as the outside sees it.
struct OrderTag: Hashable {
  var partition: Int32
  var account: AccountName
  var order: Int64
}

/// What may happen, told by simpler means than the engine's.
struct Oracle {
  private struct Settled {
    var until: Timestamp
    var isCommitted = false
  }

  private var inFlight: Set<OrderTag> = []
  private var settled: [OrderTag: Settled] = [:]
  private var uncommitted: [Int: [OrderTag]] = [:]
  private(set) var calls = 0
  private(set) var notices = 0

  /// A call was sent: no other one is on its way for the order, and no outcome is remembered that could answer.
  mutating func sent(_ tag: OrderTag, at now: Timestamp) {
    calls += 1
    check(inFlight.insert(tag).inserted, "a second call was sent for \(tag) while one is on its way")
    if let settled = settled[tag] { check(settled.until <= now, "a call was sent for \(tag), which is settled") }
  }

  /// An answer was taken.
  mutating func answered(
    _ tag: OrderTag, _ kind: CancelAnswer.Kind, by worker: Int, _ policy: CancelPolicy, at now: Timestamp
  ) {
    inFlight.remove(tag)
    guard kind == .accepted || kind == .rejected else { return }
    settled[tag] = Settled(until: now + (kind == .accepted ? policy.acceptedWindow : policy.rejectedWindow))
    uncommitted[worker, default: []].append(tag)
  }

  /// A worker no longer owns the partition: what it did not commit is forgotten, and its calls may be sent again.
  mutating func gaveUp(_ partition: Int32) {
    inFlight = inFlight.filter { $0.partition != partition }
    settled = settled.filter { $0.key.partition != partition || $0.value.isCommitted }
    for worker in uncommitted.keys { uncommitted[worker]?.removeAll { $0.partition == partition } }
  }

  /// The worker's settled orders that a batch of it holds; they wait no longer for a batch.
  mutating func moveUncommitted(of worker: Int, in batch: Set<OrderTag>) -> [OrderTag] {
    defer { uncommitted[worker]?.removeAll { batch.contains($0) } }
    return (uncommitted[worker] ?? []).filter { batch.contains($0) }
  }

  mutating func committed(_ tags: [OrderTag]) {
    for tag in tags { settled[tag]?.isCommitted = true }
  }

  mutating func aborted(_ tags: [OrderTag], of worker: Int) {
    uncommitted[worker, default: []] += tags.filter { settled[$0] != nil }
  }

  mutating func noticed(_ notice: WaitNotice, _ policy: CancelPolicy, at now: Timestamp) {
    notices += 1
    guard let progressAfter = policy.progressAfter else {
      fail("a notice was told though none is wanted")
      return
    }
    let expected = max(notice.estimatedAt ?? now, now)
    check(expected >= notice.received.receivedAt + progressAfter, "a short wait was told")
    check(notice.place >= 1)
  }
}
