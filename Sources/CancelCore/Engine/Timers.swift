import CancelContract

/// An order to look at when its time has come: a deadline, a next attempt, a progress event, the end of a memory.
struct OrderTimer: Comparable, Sendable {
  var at: Timestamp
  var ref: OrderRef

  static func < (left: OrderTimer, right: OrderTimer) -> Bool { left.at < right.at }
}

/// A user key whose next call may be sent from a time on.
struct KeyTimer: Comparable, Sendable {
  var at: Timestamp
  var key: QuotaKey

  static func < (left: KeyTimer, right: KeyTimer) -> Bool { left.at < right.at }
}
