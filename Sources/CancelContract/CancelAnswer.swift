/// The outcome of one call to the API.
public struct CancelAnswer: Hashable, Sendable {
  /// The class of the answer, which decides what happens next.
  public enum Kind: Sendable, CaseIterable {
    /// 2xx: the cancel was submitted.
    case accepted
    /// 400, 404, 409, 410, 422: the API refuses this order, finally.
    case rejected
    /// 401, and 403 in the API's own words: the key is refused, not the order.
    case credentialRefused
    /// 429: the key's quota is used up.
    case throttled
    /// 5xx, a fault of a proxy on the way, or a connection that failed before the request was sent: the order is as it
    /// was, or the call may be repeated.
    case transient
    /// A time-out, a connection lost after sending, or a 2xx that is not the API's: the order may or may not be
    /// cancelled.
    case ambiguous
    /// Any other 4xx (405, 426, 431, 451 and the like): the call can't succeed as it is, and nothing is said of the
    /// order.
    case failed
  }

  /// The class of the answer.
  public var kind: Kind
  /// The status code; `nil` where there was none.
  public var httpStatus: Int?
  /// The confirmation token of an acceptance, where one came.
  public var token: String?
  /// Why it was not accepted: the API's problem, or one made from the status or the fault; `nil` exactly for `accepted`.
  public var problem: Problem?
  /// What the headers said of the key's quota.
  public var rateLimit: RateLimit?
  /// Whether a refusal of the credential may be somebody else's than the API's (a 403 without a body): a second one
  /// decides.
  public var isUncertain = false
  /// Whether the fault is one connection's, and says nothing of the API: an answer that can't be read as HTTP, a 421.
  public var isConnectionFault = false

  /// An answer with the given members.
  public init(
    kind: Kind,
    httpStatus: Int? = nil,
    token: String? = nil,
    problem: Problem? = nil,
    rateLimit: RateLimit? = nil
  ) {
    self.kind = kind
    self.httpStatus = httpStatus
    self.token = token
    self.problem = problem
    self.rateLimit = rateLimit
  }
}

/// A key's quota as the API's headers tell it; any part of it may be missing.
public struct RateLimit: Hashable, Sendable {
  /// One of the limits that the API applies to the key at the same time, such as one for a second and one for a day.
  public struct Policy: Hashable, Sendable {
    /// Calls allowed in a window.
    public var limit: Int?
    /// Calls left in the window.
    public var remaining: Int?
    /// The length of the window.
    public var window: Duration?
    /// When calls are left again, as time from the answer on.
    public var resetAfter: Duration?

    /// A policy with the given members.
    public init(limit: Int? = nil, remaining: Int? = nil, window: Duration? = nil, resetAfter: Duration? = nil) {
      self.limit = limit
      self.remaining = remaining
      self.window = window
      self.resetAfter = resetAfter
    }
  }

  /// The limits, in the order of the headers.
  public var policies: [Policy]
  /// `Retry-After`, as time from the answer on.
  public var retryAfter: Duration?

  /// A quota of these policies.
  public init(policies: [Policy], retryAfter: Duration? = nil) {
    self.policies = policies
    self.retryAfter = retryAfter
  }

  /// A quota of one policy with the given members, or of none where they are all missing.
  public init(limit: Int? = nil, remaining: Int? = nil, resetAfter: Duration? = nil, retryAfter: Duration? = nil) {
    let policy = Policy(limit: limit, remaining: remaining, resetAfter: resetAfter)
    self.init(policies: policy == Policy() ? [] : [policy], retryAfter: retryAfter)
  }
}

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
