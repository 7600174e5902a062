import HeapModule

/// A heap whose entries can become stale: whoever pops one asks whether it still stands.
///
/// An order changes its rank or its deadline, or is answered, without a search through the heap; entries that no longer
/// stand are dropped when they come up, or all at once when they outnumber the rest. So each operation is O(log n),
/// amortised, and memory stays within twice of what stands, and a little.
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

  /// Whether there are more stale entries than `standing` ones and `slack` beside.
  func mayCompact(standing: Int, slack: Int) -> Bool {
    heap.count > 2 * standing + slack
  }

  /// Drops the entries that don't stand.
  mutating func keep(_ stands: (Entry) -> Bool) {
    heap = Heap(heap.unordered.filter(stands))
  }
}
