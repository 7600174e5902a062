/// The outcome of one call to the API.
public struct CancelAnswer: Hashable, Sendable {
  /// The class of the answer, which decides what happens next.
  public enum Kind: Sendable, CaseIterable {
    /// 2xx: the cancel was submitted.
    case accepted
    /// 400, 404, 422 and other refusals of this order: final.
    case rejected
    /// 401, 403: the key is refused, not the order.
    case credentialRefused
    /// 429: the key's quota is used up.
    case throttled
    /// 5xx, or a connection that failed before the request was sent: the order is as it was, or the call may be repeated.
    case transient
    /// A time-out or a connection lost after sending: the order may or may not be cancelled.
    case ambiguous
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

/// A key's quota as the API's headers tell it; any of them may be missing.
public struct RateLimit: Hashable, Sendable {
  /// `X-RateLimit-Limit`: calls allowed in a window.
  public var limit: Int?
  /// `X-RateLimit-Remaining`: calls left in the window.
  public var remaining: Int?
  /// `X-RateLimit-Reset`, as time from the answer on.
  public var resetAfter: Duration?
  /// `Retry-After`, as time from the answer on.
  public var retryAfter: Duration?

  /// A quota with the given members.
  public init(limit: Int? = nil, remaining: Int? = nil, resetAfter: Duration? = nil, retryAfter: Duration? = nil) {
    self.limit = limit
    self.remaining = remaining
    self.resetAfter = resetAfter
    self.retryAfter = retryAfter
  }
}
