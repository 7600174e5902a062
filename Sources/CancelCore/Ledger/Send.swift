import CancelContract
import FoundationEssentials

/// One call to the API, as the ledger remembers it.
struct Send: Hashable, Sendable {
  var requestID: UUID
  var sentAt: Timestamp
  /// When its answer came or was given up; `nil` while in flight. Never before `sentAt`.
  var answeredAt: Timestamp?
  /// Whether it holds a slot of the quota's window until one window after `answeredAt`.
  var holdsSlot = true
}

extension Collection<Send> {
  /// When the last slot that these calls hold is free again; `nil` where they hold none at `now`.
  func lastRelease(window: Duration, at now: Timestamp) -> Timestamp? {
    var last = Timestamp.distantPast
    for send in self where send.holdsSlot {
      if let answeredAt = send.answeredAt { last = Swift.max(last, answeredAt + window) }
    }
    return last > now ? last : nil
  }

  /// Those calls whose slots are still held at `now`.
  func holding(window: Duration, at now: Timestamp) -> [Send] {
    filter { send in
      guard send.holdsSlot, let answeredAt = send.answeredAt else { return false }
      return answeredAt + window > now
    }
  }
}
