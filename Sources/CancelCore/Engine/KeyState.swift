import CancelContract

/// All that is known of one user key: its quota, its breaker, whether calls with it succeed, and what waits for it.
struct KeyState: Sendable {
  var quota: QuotaWindow
  var breaker = CredentialBreaker()
  /// The last call that may carry an earlier credential than today's; 0 while there was no other.
  var lastCallBeforeRenewal: UInt64 = 0
  /// Holds back calls of this key alone, when they fail while those of others succeed.
  var gate = OutageGate(threshold: 5, keysNeeded: 1)
  var queue = LazyHeap<QueueEntry>()
  /// Orders that wait in the queue.
  var waiting = 0
  /// Orders that wait for their next attempt.
  var backingOff = 0
  var inFlight = 0
  /// Whether the key stands in the line of keys that may have something to send, by the line's priority.
  var isInLine: (routine: Bool, killSwitch: Bool) = (false, false)
  /// When its entry among the engine's key timers is due.
  var timerAt = Timestamp.distantFuture

  init(policy: CancelPolicy) {
    quota = QuotaWindow(
      calls: policy.quotaCalls, window: policy.quotaWindow, reserved: policy.reservedForKillSwitch)
  }
}

/// An order's place in its key's queue; it stands as long as the order waits with this very rank.
struct QueueEntry: Hashable, Comparable, Sendable {
  var rank: CallRank
  var slot: OrderSlot

  static func < (left: QueueEntry, right: QueueEntry) -> Bool { left.rank < right.rank }
}
