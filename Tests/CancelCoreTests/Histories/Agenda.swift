import CancelContract
import CancelCore

/// What is going to happen, in order of time; what is planned for the same time happens in the order of planning.
struct Agenda<Event> {
  private var entries: [(at: Timestamp, event: Event)] = []

  var isEmpty: Bool { entries.isEmpty }
  var first: Timestamp? { entries.last?.at }

  mutating func plan(_ event: Event, at time: Timestamp) {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].at > time { low = middle + 1 } else { high = middle }
    }
    entries.insert((time, event), at: low)
  }

  mutating func next() -> (at: Timestamp, event: Event)? { entries.popLast() }
}
