import CancelContract

/// An order to look at when its time has come: a deadline, a next attempt, a long wait.
struct OrderTimer: Comparable, Sendable {
  var at: Timestamp
  var slot: OrderSlot

  static func < (left: OrderTimer, right: OrderTimer) -> Bool { left.at < right.at }
}

/// A user key whose next call may be sent from a time on.
struct KeyTimer: Comparable, Sendable {
  var at: Timestamp
  var key: QuotaKey

  static func < (left: KeyTimer, right: KeyTimer) -> Bool { left.at < right.at }
}

/// A partition some of whose memories end at a time.
struct EndingTimer: Comparable, Sendable {
  var at: Timestamp
  var partition: Int32
  var epoch: UInt64

  static func < (left: EndingTimer, right: EndingTimer) -> Bool { left.at < right.at }
}
