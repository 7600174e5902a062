import CancelContract
import HeapModule

/// What is going to happen, in the order of time; what is planned for one time happens in the order of planning.
struct Agenda {
  private struct Entry: Comparable {
    var at: Timestamp
    var number: UInt64
    var action: () -> Void

    static func < (left: Entry, right: Entry) -> Bool { (left.at, left.number) < (right.at, right.number) }
    static func == (left: Entry, right: Entry) -> Bool { left.number == right.number }
  }

  private var entries = Heap<Entry>()
  private var planned: UInt64 = 0

  var isEmpty: Bool { entries.isEmpty }

  mutating func plan(at time: Timestamp, _ action: @escaping () -> Void) {
    planned += 1
    entries.insert(Entry(at: time, number: planned, action: action))
  }

  mutating func next() -> (at: Timestamp, action: () -> Void)? {
    entries.popMin().map { ($0.at, $0.action) }
  }
}
