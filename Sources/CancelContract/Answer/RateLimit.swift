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
