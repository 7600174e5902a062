import CancelContract
import HeapModule

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

/// A partition some of whose remembered outcomes expire at a time.
struct ExpiryTimer: Comparable, Sendable {
  var at: Timestamp
  var assignment: Assignment

  static func < (left: ExpiryTimer, right: ExpiryTimer) -> Bool { left.at < right.at }
}

/// A heap whose entries can become stale. The caller checks each entry it takes, and ignores a stale one.
///
/// An order whose rank or deadline changes, or which is answered, gets no search through the heap: its old entry stays
/// and is stale. Stale entries are dropped when they come up, or all at once when they outnumber the valid ones. So each
/// operation takes O(log n), amortised, and the heap holds at most twice the valid entries plus a constant.
struct LazyHeap<Entry: Comparable & Sendable>: Sendable {
  private var heap = Heap<Entry>()

  var count: Int { heap.count }
  var isEmpty: Bool { heap.isEmpty }

  /// The smallest entry, stale or not.
  var first: Entry? { heap.min }

  /// All entries, stale ones among them, in no order.
  var unordered: [Entry] { heap.unordered }

  mutating func insert(_ entry: Entry) {
    heap.insert(entry)
  }

  @discardableResult
  mutating func popFirst() -> Entry? {
    heap.popMin()
  }

  /// Whether there are more than `slack` stale entries beyond the number of valid ones, `standing`.
  func mayCompact(standing: Int, slack: Int) -> Bool {
    heap.count > 2 * standing + slack
  }

  /// Changes every entry, stale ones among them.
  mutating func update(_ change: (inout Entry) -> Void) {
    var entries = heap.unordered
    for index in entries.indices { change(&entries[index]) }
    heap = Heap(entries)
  }

  /// Drops the entries for which `stands` is false.
  mutating func keep(_ stands: (Entry) -> Bool) {
    heap = Heap(heap.unordered.filter(stands))
  }
}
