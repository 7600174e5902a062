/// The pending orders of one user key in one environment, as its portfolio lists them: a list lags behind a cancel.
struct PendingOrders: Sendable {
  private enum State {
    case pending
    case cancelled(at: ContinuousClock.Instant)
    case filled(at: ContinuousClock.Instant)
  }

  /// What a cancel came to.
  enum Cancellation: Equatable {
    /// The order is cancelled, now or by an earlier call: cancelling is idempotent.
    case cancelled
    /// It was too late.
    case filled
    /// The order was never pending here.
    case unknown
  }

  private var orders: [Int64: State] = [:]

  /// These orders are pending from now on.
  mutating func add(_ numbers: some Sequence<Int64>) {
    for number in numbers { orders[number] = .pending }
  }

  /// An order is to be cancelled.
  mutating func cancel(_ order: Int64, at now: ContinuousClock.Instant) -> Cancellation {
    switch orders[order] {
    case .pending:
      orders[order] = .cancelled(at: now)
      return .cancelled
    case .cancelled: return .cancelled
    case .filled: return .filled
    case nil: return .unknown
    }
  }

  /// An order is executed, where it is pending.
  mutating func fill(_ order: Int64, at now: ContinuousClock.Instant) {
    if case .pending? = orders[order] { orders[order] = .filled(at: now) }
  }

  /// Each pending order is executed if `isFilled` says so.
  mutating func fill(at now: ContinuousClock.Instant, where isFilled: () -> Bool) {
    for order in numbers where isFilled() { fill(order, at: now) }
  }

  /// The orders that a list holds, by number; those that were cancelled less than `lag` ago are among them.
  func listed(at now: ContinuousClock.Instant, lag: Duration) -> [Int64] {
    orders.filter { isListed($0.value, at: now, lag) }.keys.sorted()
  }

  /// Orders that are neither cancelled nor executed.
  var pending: Int { numbers.count }

  private var numbers: [Int64] {
    orders.filter { if case .pending = $0.value { true } else { false } }.keys.sorted()
  }

  private func isListed(_ state: State, at now: ContinuousClock.Instant, _ lag: Duration) -> Bool {
    switch state {
    case .pending: true
    case .cancelled(let time): now < time + lag
    case .filled: false
    }
  }

  /// The status of an order as a lookup tells it, by the names of practice; `nil` where it was never here, and where it
  /// was closed more than `memory` ago.
  func status(
    of order: Int64, at now: ContinuousClock.Instant, lag: Duration, memory: Duration
  ) -> (id: Int, name: String)? {
    switch orders[order] {
    case .pending: (11, "WaitingForMarket")
    case .cancelled(let time) where now < time + lag: (6, "PendingCancel")
    case .cancelled(let time): now < time + lag + memory ? (7, "Canceled") : nil
    case .filled(let time): now < time + memory ? (3, "Filled") : nil
    case nil: nil
    }
  }

  /// Whether the order was ever pending here.
  func knows(_ order: Int64) -> Bool { orders[order] != nil }
}
