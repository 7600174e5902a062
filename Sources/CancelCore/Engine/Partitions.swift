import CancelContract
import DequeModule

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
  /// Under which the partition is owned; `nil` for what stands for a partition that isn't.
  var assignment: Assignment?
  /// The offset of the next request; `nil` while unknown.
  var position: Int64?
  /// The group's committed offset, as far as is known. Requests before it are answered, or open in the ledger.
  private(set) var committedPosition: Int64 = 0
  /// Requests before this offset were in the log when the partition was assigned: an earlier owner may have sent calls
  /// for them.
  var logEnd: Int64
  private(set) var orders: [OrderKey: OrderState] = [:]
  /// Orders whose outcome is remembered.
  private(set) var settled = 0
  /// When memories end, in steps: the orders to look at then. An order that is open, or remembered for longer, by then
  /// has another entry.
  var expiries: [Timestamp: [OrderKey]] = [:]
  /// Orders whose ledger record is not what their state is.
  var changed = ChangedOrders()
  /// The requests since the committed position, in the order of their offsets; `order` is `nil` for one that is of no
  /// single order.
  private(set) var uncommitted = Deque<(offset: Int64, order: OrderKey?)>()
  /// Whether it stands in the engine's list of partitions that have something to commit.
  var isInCommitList = false
  /// The numbers of the ledger records that there may be beside an order's own.
  var extraRecords: [OrderKey: Set<Int>] = [:]
  /// What its ledger holds beside the orders.
  var annex = LedgerAnnex()
  var inFlight = 0
  /// When its ledger was read to its end.
  var restoredAt = Timestamp.distantPast
  /// When an order was last given up whose call nobody knows the answer of.
  var outcomeUnknownAt = Timestamp.distantPast
  /// Up to which offset requests were found open when the ledger was read.
  var restoredThrough: Int64 = -1
  /// While restoring: what further records hold of orders' requests, by their numbers.
  var restoredPieces: [OrderKey: [Int: [OpenRequest]]] = [:]
  /// While restoring: orders whose calls may still hold slots of the quota.
  var restoredCalls: [OrderKey] = []

  /// A partition whose ledger is still to be read.
  init(_ assignment: Assignment?, logEnd: Int64) {
    self.assignment = assignment
    self.logEnd = logEnd
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

  /// A request was taken up.
  mutating func advance(past offset: Int64, of order: OrderKey?) {
    position = offset + 1
    uncommitted.append((offset, order))
  }

  /// Positions are no longer known.
  mutating func forgetPositions() {
    position = nil
    committedPosition = 0
    uncommitted = []
  }

  /// This position was committed, for the group or as the beginning.
  mutating func committed(to position: Int64) {
    committedPosition = position
    while let first = uncommitted.first, first.offset < position { uncommitted.removeFirst() }
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
    expiries[at, default: []].append(key)
    return expiries[at]?.count == 1 ? at : nil
  }
}

/// The partitions that are owned, by their numbers, each changed in place: Kafka counts partitions from 0.
///
/// An array, not a dictionary, whose getter would copy a partition's whole state for a look at one of its fields. Its
/// elements are not optional and its accessors inlined, for otherwise each look allocates a frame.
struct OwnedPartitions: Sendable {
  /// What stands for partitions that are not owned, then each partition at its number and one.
  private var ledgers = [PartitionLedger.notOwned]

  /// The numbers of the partitions, in ascending order.
  var numbers: [Int32] { ledgers.indices.dropFirst().filter { ledgers[$0].isOwned }.map { Int32($0 - 1) } }

  /// The state of a partition. One that is not owned is `PartitionLedger.notOwned`, and can't be changed.
  subscript(number: Int32) -> PartitionLedger {
    @inline(__always) _read { yield ledgers[place(of: number)] }
    @inline(__always) _modify {
      precondition(owns(number), "Only a partition that is owned can be changed.")
      yield &ledgers[place(of: number)]
    }
  }

  func owns(_ number: Int32) -> Bool { ledgers[place(of: number)].isOwned }

  mutating func add(_ number: Int32, _ ledger: PartitionLedger) {
    precondition(number >= 0, "Kafka counts partitions from 0.")
    let missing = Int(number) + 2 - ledgers.count
    if missing > 0 { ledgers.append(contentsOf: repeatElement(.notOwned, count: missing)) }
    ledgers[place(of: number)] = ledger
  }

  mutating func remove(_ number: Int32) {
    guard owns(number) else { return }
    ledgers[place(of: number)] = .notOwned
  }

  private func place(of number: Int32) -> Int {
    let place = Int(number) + 1
    return place < ledgers.count ? place : 0
  }
}

extension PartitionLedger {
  /// Nothing is known, and no assignment is its.
  fileprivate static let notOwned = PartitionLedger(nil, logEnd: 0)

  fileprivate var isOwned: Bool { assignment != nil }
}

/// One partition's time with this worker: from the moment at which the group assigned it until it is given up.
///
/// Everything that is done for a partition (its restore, its calls, its commits, its handover) carries the assignment
/// under which it was begun, and is dropped where the partition has another one by then.
public struct Assignment: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The partition of the requests topic, and of the ledger.
  public let partition: Int32
  /// Which assignment of the group it is part of, counted from 1 by the consumer: a later one has a larger number.
  public let number: UInt64

  /// The partition's part in the group's assignment with this number.
  public init(partition: Int32, number: UInt64) {
    precondition(number >= 1, "Assignments are counted from 1.")
    self.partition = partition
    self.number = number
  }

  /// By the group's assignment, then by the partition.
  public static func < (left: Assignment, right: Assignment) -> Bool {
    (left.number, left.partition) < (right.number, right.partition)
  }

  /// The partition and the assignment's number, for logs.
  public var description: String { "\(partition)#\(number)" }
}
