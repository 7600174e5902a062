import CancelContract
import Testing

@testable import CancelCore

extension CancelEngine {
  /// Counts again what the engine counts as it goes, and looks for what could be forgotten.
  func verify(at now: Timestamp) {
    var requests = 0
    var count = 0
    var waiting: [QuotaKey: Int] = [:]
    var backingOff: [QuotaKey: Int] = [:]
    var inFlight: [Int32: Int] = [:]
    orders.forEach { order in
      let partition = partitions[order.ref.partition]
      check(partitions.owns(order.ref.partition))
      guard partition.phase != .restoring else { return }
      requests += order.requests.count
      count += 1
      check(!order.requests.isEmpty)
      check(order.rank.deadline == order.requests.map(\.deadline).min())
      check(order.rank.priority == order.requests.map(\.received.request.priority).max())
      guard case .open(let slot)? = partition.orders[order.ref.key] else {
        fail("an open order is not among its partition's")
        return
      }
      check(orders[slot].ref == order.ref)
      switch order.stage {
      case .arriving: fail("an order was left undecided")
      case .waiting(let key):
        waiting[key, default: 0] += 1
        check(!isHeld(slot), "an order that is held waits for its turn")
        check(order.rank.deadline > now && order.timerAt <= order.rank.deadline, "a deadline would be missed")
      case .backingOff(let key, let until):
        backingOff[key, default: 0] += 1
        check(until > now && order.timerAt <= until, "an attempt would be missed")
        check(order.rank.deadline > now && order.timerAt <= order.rank.deadline, "a deadline would be missed")
      case .held:
        check(isHeld(slot), "an order waits for an operator who does not hold it")
        check(order.rank.deadline > now && order.timerAt <= order.rank.deadline, "a deadline would be missed")
      case .inFlight(let id):
        inFlight[order.ref.partition, default: 0] += 1
        check(flights[id] != nil)
      case .suspended: check(partition.phase == .leaving)
      }
    }
    check(openRequests == requests && openOrders == count)
    let owned = partitions.numbers.compactMap { partitions[$0] }
    let settled = owned.filter { $0.phase != .restoring }.flatMap(\.orders.values).filter { state in
      if case .remembered(let record) = state { record.isSettled } else { false }
    }
    check(rememberedOrders == settled.count)
    for number in partitions.numbers { check(partitions[number].inFlight == inFlight[number] ?? 0) }
    check(apiGate.inFlight == flights.count && flights.count <= policy.maxInFlight)
    for index in keys.indices {
      let key = QuotaKey(index: index)
      let own = flights.values.filter { $0.key == key }.count
      check(keys[index].waiting == waiting[key] ?? 0 && keys[index].backingOff == backingOff[key] ?? 0)
      check(keys[index].inFlight == own && keys[index].gate.inFlight == own && keys[index].quota.inFlight == own)
      verifyReadyKeys(key)
    }
    check(
      Set(readyKillSwitchKeys).count == readyKillSwitchKeys.count
        && Set(readyRoutineKeys).count == readyRoutineKeys.count)
  }

  /// What waits for a key is looked at again: at its turn, at a time, or after an answer.
  private func verifyReadyKeys(_ key: QuotaKey) {
    let state = keys[key.index]
    check(state.isReady.killSwitch == readyKillSwitchKeys.contains(key))
    check(state.isReady.routine == readyRoutineKeys.contains(key))
    guard state.waiting > 0 else { return }
    let isPlanned = state.isReady.killSwitch || state.isReady.routine || state.timerAt < .distantFuture
    check(isPlanned || state.inFlight > 0, "what waits for a key is forgotten")
  }

  /// A partition's orders as they can be compared.
  func orders(of number: Int32) -> [OrderTag: ComparableOrder] {
    var comparable: [OrderTag: ComparableOrder] = [:]
    for (key, state) in partitions[number].orders {
      let tag = OrderTag(partition: number, account: accounts.name(of: key.account), order: key.orderID)
      switch state {
      case .remembered(let record): comparable[tag] = .remembered(record.bytes)
      case .open(let slot):
        comparable[tag] = .open(orders[slot].comparable, pieces: orders[slot].pieces?.extraNumbers ?? [])
      }
    }
    return comparable
  }

  /// The orders as the ledger has them, before anything is decided.
  func ordersRead(of number: Int32) -> [OrderTag: ComparableOrder] {
    var copy = self
    copy.joinPieces(of: number, at: .distantPast)
    return copy.orders(of: number)
  }
}

/// An order's state without what a restart may change.
enum ComparableOrder: Hashable {
  case remembered([UInt8])
  case open(OpenState, pieces: [Int])
}

extension OpenOrder {
  fileprivate var comparable: OpenState {
    var comparable = state
    comparable.requests = requests
    for index in requests.indices { comparable.requests[index].progressEvents = 0 }
    return comparable
  }
}
