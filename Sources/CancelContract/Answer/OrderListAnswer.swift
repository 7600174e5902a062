/// What one reading of an account's pending orders came to.
public struct OrderListAnswer: Hashable, Sendable {
  /// The list, or why there is none.
  public enum Outcome: Hashable, Sendable {
    /// The list was read to its end.
    case complete(OrderList)
    /// It was not, for this reason; never of the kind `accepted`. Orders that were told before it broke off are pending
    /// all the same.
    case fault(CancelAnswer)
  }

  /// The list, or why there is none.
  public var outcome: Outcome
  /// What the headers said of the quota for lists.
  public var rateLimit: RateLimit?

  /// An answer with the given members.
  public init(_ outcome: Outcome, rateLimit: RateLimit? = nil) {
    self.outcome = outcome
    self.rateLimit = rateLimit
  }
}

/// An account's pending orders.
public struct OrderList: Hashable, Sendable {
  /// The orders that can be cancelled, each once; at most `mostOrders`.
  public var orders: [OrderID]
  /// Those that can't.
  public var notCancellable: NotCancellable
  /// Whether there were more orders than were kept.
  public var isTruncated: Bool

  /// At most so many orders of one list are kept: a later list tells the others.
  public static let mostOrders = 20_000

  /// A list of these orders.
  public init(orders: [OrderID], notCancellable: NotCancellable = NotCancellable(), isTruncated: Bool = false) {
    self.orders = orders
    self.notCancellable = notCancellable
    self.isTruncated = isTruncated
  }
}

/// What one lookup of an order came to.
public struct OrderLookupAnswer: Hashable, Sendable {
  /// The order's status, or why there is none.
  public enum Outcome: Hashable, Sendable {
    /// The API knows the order.
    case found(OrderStatus)
    /// It did not tell, for this reason; never of the kind `accepted`. A 404 is of the kind `rejected`.
    case fault(CancelAnswer)
  }

  /// The order's status, or why there is none.
  public var outcome: Outcome
  /// What the headers said of the quota for lookups.
  public var rateLimit: RateLimit?

  /// An answer with the given members.
  public init(_ outcome: Outcome, rateLimit: RateLimit? = nil) {
    self.outcome = outcome
    self.rateLimit = rateLimit
  }
}
