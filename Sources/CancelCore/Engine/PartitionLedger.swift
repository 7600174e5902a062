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

  /// What is known of one order.
  enum OrderState: Sendable {
    /// It has unanswered requests.
    case open(OrderSlot)
    /// Its outcome, or nothing but its calls, is remembered.
    case remembered(RememberedRecord)
  }

  var phase = Phase.restoring
  /// Tells this ownership of the partition from earlier ones.
  var epoch: UInt64
  /// The offset of the next request; `nil` while unknown.
  var position: Int64?
  private(set) var orders: [OrderKey: OrderState] = [:]
  /// Orders whose outcome is remembered.
  private(set) var settled = 0
  /// When memories end, in steps: the orders to look at then. An order that is open, or remembered for longer, by then
  /// has another entry.
  var endings: [Timestamp: [OrderKey]] = [:]
  /// Orders whose ledger record is not what their state is; some stand in it twice.
  var changed: [OrderKey] = []
  /// Whether it stands in the engine's list of partitions that have something to commit.
  var isInCommitList = false
  /// The numbers of the ledger records that there may be beside an order's own.
  var extraRecords: [OrderKey: Set<Int>] = [:]
  var inFlight = 0
  /// Up to which offset requests were found open when the ledger was read.
  var restoredThrough: Int64 = -1
  /// While restoring: what further records hold of orders' requests, by their numbers.
  var restoredPieces: [OrderKey: [Int: [OpenRequest]]] = [:]
  /// While restoring: orders whose calls may still hold slots of the quota.
  var restoredCalls: [OrderKey] = []

  /// A partition whose ledger is still to be read.
  init(epoch: UInt64) {
    self.epoch = epoch
  }

  /// Takes what is known of an order from now on; `nil` for nothing.
  ///
  /// - Returns: what was known before.
  @discardableResult
  mutating func set(_ key: OrderKey, _ state: OrderState?) -> OrderState? {
    if case .remembered(let record)? = state, record.isSettled { settled += 1 }
    let earlier = state.map { orders.updateValue($0, forKey: key) } ?? orders.removeValue(forKey: key)
    if case .remembered(let record)? = earlier, record.isSettled { settled -= 1 }
    return earlier
  }

  /// The orders whose records are to be written; they count as written from then on.
  mutating func takeChanged() -> [OrderKey] {
    isInCommitList = false
    var taken: [OrderKey] = []
    swap(&taken, &changed)
    return taken
  }

  /// In how long steps memories end: the end of a long one is in no hurry.
  private static func step(_ remaining: Duration) -> Int64 {
    remaining > .seconds(600) ? 60_000_000 : 1_000_000
  }

  /// Plans a look at an order whose memory ends at `end`.
  ///
  /// - Returns: when that look is due, where none was planned for then.
  mutating func plan(_ key: OrderKey, end: Timestamp, at now: Timestamp) -> Timestamp? {
    let step = PartitionLedger.step(end - now)
    let (rounded, overflow) = (end.microseconds / step).addingReportingOverflow(1)
    let (time, tooLate) = rounded.multipliedReportingOverflow(by: step)
    let at = Timestamp(microseconds: overflow || tooLate ? .max : time)
    endings[at, default: []].append(key)
    return endings[at]?.count == 1 ? at : nil
  }
}
