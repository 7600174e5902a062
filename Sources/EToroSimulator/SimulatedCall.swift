/// One call that came in.
public struct SimulatedCall: Sendable {
  /// The order's number, where the path had one.
  public var order: Int64?
  /// The user key or token.
  public var userKey: String
  /// When it came.
  public var arrivedAt: ContinuousClock.Instant
  /// The answer's status; 0 where it was given none.
  public var status: Int
  /// `demo` or `real`.
  public var environment: String
}

/// What a call is answered.
struct SimulatedAnswer: Sendable {
  enum Kind: Sendable {
    case respond
    /// Close the connection without an answer.
    case drop
    /// Never answer.
    case hang
  }

  var kind = Kind.respond
  var status: Int
  var headers: [(name: String, value: String)] = []
  var body: String?
  var delay = Duration.zero
}
