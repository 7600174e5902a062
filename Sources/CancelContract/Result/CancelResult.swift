import FoundationEssentials

/// The one answer to one request.
public struct CancelResult: Hashable, Sendable {
  /// What the result repeats from its request.
  public var echo: RequestEcho
  /// The order; `nil` only for a sweep, and where none could be read.
  public var orderID: OrderID?
  /// The account that was used; `nil` where the message could not be read so far.
  public var account: AccountName?
  /// Its outcome.
  public var outcome: CancelOutcome
  /// The API's confirmation token, where it gave one.
  public var token: String?
  /// Why it was not accepted; `nil` exactly when `outcome` is `accepted` or `acknowledged`.
  public var problem: Problem?
  /// The API's last status code; `nil` where it never answered.
  public var httpStatus: Int?
  /// Calls that were sent and count as attempts (a 429 does not).
  public var attempts: Int
  /// The `x-request-id` of every call, in order.
  public var requestIDs: [UUID]
  /// Whether this was answered from an earlier request's outcome or shared another's call.
  public var deduplicated: Bool
  /// The `cancelId` of the request that this one duplicates.
  public var duplicateOf: String?
  /// When each stage was reached.
  public var stages: Stages
  /// What a sweep tells of itself; `nil` for one order's result.
  public var sweep: SweepReport?

  /// A result with the given members.
  public init(
    echo: RequestEcho,
    orderID: OrderID?,
    account: AccountName?,
    outcome: CancelOutcome,
    token: String? = nil,
    problem: Problem? = nil,
    httpStatus: Int? = nil,
    attempts: Int = 0,
    requestIDs: [UUID] = [],
    deduplicated: Bool = false,
    duplicateOf: String? = nil,
    stages: Stages,
    sweep: SweepReport? = nil
  ) {
    self.echo = echo
    self.orderID = orderID
    self.account = account
    self.outcome = outcome
    self.token = token
    self.problem = problem
    self.httpStatus = httpStatus
    self.attempts = attempts
    self.requestIDs = requestIDs
    self.deduplicated = deduplicated
    self.duplicateOf = duplicateOf
    self.stages = stages
    self.sweep = sweep
  }

  /// When each stage of a request was reached; `nil` where it was not.
  public struct Stages: Hashable, Sendable {
    /// The record was produced.
    public var produced: Timestamp
    /// The worker received the record.
    public var received: Timestamp
    /// The first call for the order was sent.
    public var firstSent: Timestamp?
    /// The outcome was known.
    public var answered: Timestamp

    /// Stages with the given times.
    public init(
      produced: Timestamp,
      received: Timestamp,
      firstSent: Timestamp? = nil,
      answered: Timestamp
    ) {
      self.produced = produced
      self.received = received
      self.firstSent = firstSent
      self.answered = answered
    }
  }
}

extension CancelResult {
  /// The request's own id.
  public var cancelID: String { echo.cancelID }
  /// The coordinates of the request's record.
  public var source: SourceCoordinates { echo.source }
  /// The request's headers that the result repeats.
  public var echoedHeaders: [RecordHeader] { echo.echoedHeaders }
}

/// The outcome of a request.
public enum CancelOutcome: UInt8, Sendable, CaseIterable {
  /// The API took the cancel (any 2xx).
  case accepted = 0
  /// The API refused this cancel (400, 404, 422 and their like).
  case rejected = 1
  /// The deadline passed before a call was sent.
  case expired = 2
  /// No answer that settles the order could be had; the problem says whether the outcome is unknown.
  case failed = 3
  /// The message could not be read as a request.
  case invalid = 4
  /// The request was carried out and was not one to cancel: a dry run, or a dead-man's switch that was armed, moved or
  /// disarmed.
  case acknowledged = 5

  /// The outcome's name in results.
  public var name: String {
    switch self {
    case .accepted: "accepted"
    case .rejected: "rejected"
    case .expired: "expired"
    case .failed: "failed"
    case .invalid: "invalid"
    case .acknowledged: "acknowledged"
    }
  }
}
