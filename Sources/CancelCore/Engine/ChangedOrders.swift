import DequeModule

/// The orders of a partition whose ledger records are not what their states are: each once, in the order of the changes.
struct ChangedOrders: Sendable {
  private var keys: Set<OrderKey> = []
  /// Also some that were taken out, or stand in it twice; `keys` tells which count.
  private var line = Deque<OrderKey>()

  var isEmpty: Bool { keys.isEmpty }
  var count: Int { keys.count }

  func contains(_ key: OrderKey) -> Bool { keys.contains(key) }

  mutating func insert(_ key: OrderKey) {
    if keys.insert(key).inserted { line.append(key) }
  }

  /// Takes one out; amortised, it costs the same however many there are.
  ///
  /// - Returns: whether it was there.
  @discardableResult
  mutating func remove(_ key: OrderKey) -> Bool {
    guard keys.remove(key) != nil else { return false }
    while let first = line.first, !keys.contains(first) { line.removeFirst() }
    if line.count > 2 * keys.count + 64 { line = Deque(first(keys.count)) }
    return true
  }

  /// The first so many of them.
  func first(_ count: Int) -> [OrderKey] {
    var found: Set<OrderKey> = []
    var first: [OrderKey] = []
    for key in line {
      if first.count >= count { break }
      if keys.contains(key), found.insert(key).inserted { first.append(key) }
    }
    return first
  }

  /// Takes all of them.
  mutating func drain() -> [OrderKey] {
    defer { self = ChangedOrders() }
    return line.count == keys.count ? Array(line) : first(keys.count)
  }
}
