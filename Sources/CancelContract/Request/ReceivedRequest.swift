/// A request together with what its record brought along.
public struct ReceivedRequest: Hashable, Sendable {
  /// What the sender asked for.
  public var request: CancelRequest
  /// The coordinates of the record.
  public var source: SourceCoordinates
  /// When the record was produced, by Kafka's timestamp.
  public var producedAt: Timestamp
  /// When the worker received the record.
  public var receivedAt: Timestamp
  /// The record's key, which the result repeats.
  public var key: [UInt8]?
  /// The headers that the result repeats: `correlation-id`, those named in the configuration, and the trace context.
  public var echoedHeaders: [RecordHeader]

  /// A request that came in the record at `source`.
  public init(
    request: CancelRequest,
    source: SourceCoordinates,
    producedAt: Timestamp,
    receivedAt: Timestamp,
    key: [UInt8]? = nil,
    echoedHeaders: [RecordHeader] = []
  ) {
    self.request = request
    self.source = source
    self.producedAt = producedAt
    self.receivedAt = receivedAt
    self.key = key
    self.echoedHeaders = echoedHeaders
  }

  /// What events about the request repeat from it.
  public var echo: RequestEcho {
    RequestEcho(
      cancelID: request.cancelID,
      source: source,
      key: key,
      echoedHeaders: echoedHeaders,
      details: request.details
    )
  }
}

/// What every event about a request repeats from it, so that the sender recognises its request.
public struct RequestEcho: Hashable, Sendable {
  /// The request's own id.
  public var cancelID: String
  /// The coordinates of the request's record.
  public var source: SourceCoordinates
  /// The record's key.
  public var key: [UInt8]?
  /// The record's headers that are repeated.
  public var echoedHeaders: [RecordHeader]
  /// The members of the request that are repeated.
  public var details: RequestDetails

  /// An echo with the given members.
  public init(
    cancelID: String,
    source: SourceCoordinates,
    key: [UInt8]? = nil,
    echoedHeaders: [RecordHeader] = [],
    details: RequestDetails = RequestDetails()
  ) {
    self.cancelID = cancelID
    self.source = source
    self.key = key
    self.echoedHeaders = echoedHeaders
    self.details = details
  }
}

/// A record that cannot be read as a request: what is wrong with it, and as much of it as could be read.
public struct UnreadableRequest: Error, Hashable, Sendable {
  /// What is wrong, and how to correct it.
  public var problem: Problem
  /// The order, where it could be read.
  public var orderID: OrderID?
  /// The account, where it could be read.
  public var account: AccountName?
  /// What the result repeats; the `cancelID` is the best name there is for the request and never empty.
  public var echo: RequestEcho
  /// When the record was produced, by Kafka's timestamp.
  public var producedAt: Timestamp
  /// When the worker received the record.
  public var receivedAt: Timestamp

  /// The request's one result, with the outcome `invalid`.
  public func result(answeredAt: Timestamp) -> CancelResult {
    CancelResult(
      echo: echo,
      orderID: orderID,
      account: account,
      outcome: .invalid,
      problem: problem,
      stages: .init(produced: producedAt, received: receivedAt, answered: answeredAt)
    )
  }
}

extension UnreadableRequest {
  /// A request that could be read, and is refused for `problem`.
  public init(_ received: ReceivedRequest, account: AccountName, problem: Problem) {
    self.init(
      problem: problem,
      orderID: received.request.orderID,
      account: account,
      echo: received.echo,
      producedAt: received.producedAt,
      receivedAt: received.receivedAt
    )
  }

  /// A request to sweep that could be read, and is refused for `problem`.
  public init(_ received: ReceivedSweep, problem: Problem) {
    self.init(
      problem: problem, orderID: nil, account: nil, echo: received.echo, producedAt: received.producedAt,
      receivedAt: received.receivedAt)
  }

  /// The request's own id.
  public var cancelID: String { echo.cancelID }
  /// The coordinates of the record.
  public var source: SourceCoordinates { echo.source }
  /// The headers that the result repeats.
  public var echoedHeaders: [RecordHeader] {
    get { echo.echoedHeaders }
    set { echo.echoedHeaders = newValue }
  }
}

/// One request to cancel one order, as its sender wrote it.
public struct CancelRequest: Hashable, Sendable {
  /// Names this request in its result: the `cancelId` member, else `ce_id`, else `topic/partition/offset`.
  public var cancelID: String
  /// The order to cancel.
  public var orderID: OrderID
  /// The account that holds the order; `nil` stands for the configured default.
  public var account: AccountName?
  /// Routine unless the sender says otherwise.
  public var priority: Priority
  /// No call is sent after this; `nil` stands for the configured default.
  public var deadline: Timestamp?
  /// What the result repeats.
  public var details: RequestDetails

  /// A request with the given members.
  public init(
    cancelID: String,
    orderID: OrderID,
    account: AccountName? = nil,
    priority: Priority = .routine,
    deadline: Timestamp? = nil,
    details: RequestDetails = RequestDetails()
  ) {
    self.cancelID = cancelID
    self.orderID = orderID
    self.account = account
    self.priority = priority
    self.deadline = deadline
    self.details = details
  }
}

/// How urgent a cancel is.
public enum Priority: UInt8, Sendable, CaseIterable, Comparable {
  /// Everyday cancels.
  case routine = 0
  /// A risk engine's order to get out: overtakes everything routine.
  case killSwitch = 1

  /// The priority's name in requests and results.
  public var name: String {
    switch self {
    case .routine: "routine"
    case .killSwitch: "killSwitch"
    }
  }

  /// Whether the left priority is the less urgent one.
  @inlinable
  public static func < (left: Priority, right: Priority) -> Bool { left.rawValue < right.rawValue }
}
