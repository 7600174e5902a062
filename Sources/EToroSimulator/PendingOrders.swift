/// The pending orders of one user key, as its portfolio lists them: a list lags behind a cancel.
struct PendingOrders: Sendable {
  private enum State {
    case pending
    case cancelled(listedUntil: ContinuousClock.Instant)
    case filled
  }

  private var orders: [Int64: State] = [:]

  /// These orders are pending from now on.
  mutating func add(_ numbers: some Sequence<Int64>) {
    for number in numbers { orders[number] = .pending }
  }

  /// An order is cancelled; it stays listed for `lag`.
  ///
  /// - Returns: whether it was pending; `nil` where it was never here.
  mutating func cancel(_ order: Int64, at now: ContinuousClock.Instant, lag: Duration) -> Bool? {
    switch orders[order] {
    case .pending:
      orders[order] = .cancelled(listedUntil: now + lag)
      return true
    case .cancelled, .filled: return false
    case nil: return nil
    }
  }

  /// An order is executed, where it is pending.
  mutating func fill(_ order: Int64) {
    if case .pending? = orders[order] { orders[order] = .filled }
  }

  /// The orders that a list holds, by number.
  func listed(at now: ContinuousClock.Instant) -> [Int64] {
    orders.filter { isListed($0.value, at: now) }.keys.sorted()
  }

  /// Orders that are neither cancelled nor executed.
  var pending: Int {
    orders.values.count { if case .pending = $0 { true } else { false } }
  }

  private func isListed(_ state: State, at now: ContinuousClock.Instant) -> Bool {
    switch state {
    case .pending: true
    case .cancelled(let listedUntil): now < listedUntil
    case .filled: false
    }
  }

  /// The status of an order as a lookup tells it, by the names of practice; `nil` where it was never here.
  func status(of order: Int64, at now: ContinuousClock.Instant) -> (id: Int, name: String)? {
    switch orders[order] {
    case .pending: (11, "WaitingForMarket")
    case .cancelled(let listedUntil): now < listedUntil ? (6, "PendingCancel") : (7, "Canceled")
    case .filled: (3, "Filled")
    case nil: nil
    }
  }
}
