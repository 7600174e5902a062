/// An open order's place in memory.
struct OrderSlot: Hashable, Sendable {
  fileprivate(set) var index: UInt32
  /// Tells the order from earlier ones in the same place.
  fileprivate(set) var life: UInt32
}

/// The open orders, each in a slot under which queues, timers and calls find it without hashing.
struct OpenOrders: Sendable {
  /// A vacant place holds an order without a request.
  private var orders: [OpenOrder] = []
  private var lives: [UInt32] = []
  private var vacant: [UInt32] = []

  /// Orders in it.
  var count: Int { orders.count - vacant.count }

  mutating func insert(_ order: consuming OpenOrder) -> OrderSlot {
    if let index = vacant.popLast() {
      orders[Int(index)] = order
      return OrderSlot(index: index, life: lives[Int(index)])
    }
    orders.append(order)
    lives.append(0)
    return OrderSlot(index: UInt32(orders.count - 1), life: 0)
  }

  /// Takes an order out; its slot stands for nothing from then on.
  mutating func remove(_ slot: OrderSlot) -> OpenOrder {
    guard contains(slot) else { preconditionFailure("An order is taken out once.") }
    var order = OpenOrder.vacant
    swap(&order, &orders[Int(slot.index)])
    lives[Int(slot.index)] &+= 1
    vacant.append(slot.index)
    return order
  }

  /// Whether the slot still stands for the order that it was given for.
  func contains(_ slot: OrderSlot) -> Bool { lives[Int(slot.index)] == slot.life }

  /// The order in a slot that stands; changed in place.
  subscript(slot: OrderSlot) -> OpenOrder {
    @inline(__always) _read {
      precondition(contains(slot), "Only a slot that stands has an order.")
      yield orders[Int(slot.index)]
    }
    @inline(__always) _modify {
      precondition(contains(slot), "Only a slot that stands has an order.")
      yield &orders[Int(slot.index)]
    }
  }

  /// Looks at every order.
  func forEach(_ look: (OpenOrder) -> Void) {
    for order in orders where !order.isVacant { look(order) }
  }

  /// The slots of all orders for which `isMeant` is true.
  func slots(where isMeant: (OpenOrder) -> Bool) -> [OrderSlot] {
    orders.indices.compactMap { index in
      guard !orders[index].isVacant, isMeant(orders[index]) else { return nil }
      return OrderSlot(index: UInt32(index), life: lives[index])
    }
  }
}

extension OpenOrder {
  fileprivate static let vacant = OpenOrder(
    ref: OrderRef(key: OrderKey(orderID: 0, account: AccountNumber(index: -1)), partition: -1), requests: [],
    arrival: 0)

  fileprivate var isVacant: Bool { ref.partition < 0 }
}
