import CancelContract

/// The state of one partition's orders: what its ledger partition holds, plus what is not written yet.
struct PartitionLedger: Sendable {
  /// How far the worker owns the partition.
  enum Phase: Sendable {
    /// Its ledger is being read; nothing is decided. Followed by `active`, or the partition is dropped.
    case restoring
    /// Requests are taken and calls sent. Followed by `leaving`, or the partition is dropped.
    case active
    /// No new calls; what is settled is still published. Followed by the end.
    case leaving
  }

  var phase = Phase.restoring
  /// Tells this ownership of the partition from earlier ones.
  let epoch: UInt64
  /// The offset of the next request; `nil` until one was taken.
  var position: Int64?
  var open: [OrderKey: OpenOrder] = [:]
  var settled: [OrderKey: RememberedOutcome] = [:]
  /// Orders of which nothing is kept but the slots that their calls hold, with the calls and when the last one is free.
  var calls: [OrderKey: (sends: [Send], until: Timestamp)] = [:]
  /// Orders whose ledger record is not what their state is.
  var changed: Set<OrderKey> = []
  var positionChanged = false
  var inFlight = 0
  /// While restoring: recent calls, by order, for the quota.
  var restoredSends: [OrderKey: [Send]] = [:]

  init(epoch: UInt64) {
    self.epoch = epoch
  }
}
