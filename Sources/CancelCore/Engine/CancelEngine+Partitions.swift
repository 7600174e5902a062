import CancelContract

extension CancelEngine {
  /// Partitions that are owned, whether restored or not.
  public var ownedPartitions: [Int32] { partitions.numbers }

  /// Whether a partition is owned and its ledger read.
  public func isActive(_ number: Int32) -> Bool {
    partitions[number].phase == .active
  }

  /// Tells this ownership of the partition from earlier and later ones; `nil` where it isn't owned.
  public func epoch(of number: Int32) -> UInt64? { partitions.owns(number) ? partitions[number].epoch : nil }

  /// The offset of the next request to read, for those of the partitions for which it is known.
  public func positions(of numbers: some Sequence<Int32>) -> [Int32: Int64] {
    var positions: [Int32: Int64] = [:]
    for number in numbers where partitions[number].phase != .restoring {
      positions[number] = partitions[number].position
    }
    return positions
  }

  /// Sends no further call for these partitions; they are to be given up.
  public mutating func leave(_ numbers: some Sequence<Int32>) {
    let leaving = Set(numbers.filter { partitions[$0].phase == .active })
    guard !leaving.isEmpty else { return }
    for number in leaving { partitions[number].phase = .leaving }
    for slot in orders.slots(where: { leaving.contains($0.ref.partition) }) {
      if case .inFlight = orders[slot].stage { continue }
      leaveQueue(orders[slot].stage)
      orders[slot].stage = .held
    }
  }

  /// Gives partitions up: their state is dropped, and what is not committed is left to the next owner.
  public mutating func drop(_ numbers: some Sequence<Int32>) {
    let given = Set(numbers.filter { partitions.owns($0) })
    guard !given.isEmpty else { return }
    for slot in orders.slots(where: { given.contains($0.ref.partition) }) { _ = takeOut(slot) }
    for number in given { partitions.remove(number) }
    commitList.removeAll { given.contains($0) }
    results.removeAll { given.contains($0.source.partition) }
    refused.removeAll { given.contains($0.source.partition) }
    notices.removeAll { given.contains($0.received.source.partition) }
  }

  /// Takes an order out of the engine, unanswered.
  mutating func takeOut(_ slot: OrderSlot) -> OpenOrder {
    leaveQueue(orders[slot].stage)
    let order = orders.remove(slot)
    guard partitions[order.ref.partition].phase != .restoring else { return order }
    openOrders -= 1
    openRequests -= order.requests.count
    return order
  }
}
