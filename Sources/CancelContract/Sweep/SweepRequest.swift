/// One request to cancel every pending order of an account, or of several.
///
/// A request with `after` is a dead-man's switch: it arms a sweep that begins by itself unless it is moved or disarmed
/// in time.
public struct SweepRequest: Hashable, Sendable {
  /// Whose orders.
  public enum Scope: Hashable, Sendable {
    /// One account's; `nil` stands for the configured default.
    case account(AccountName?)
    /// Those of every configured account that is named (of all, where none is) and lives in the environment (in any,
    /// where that is `nil`).
    case all(accounts: [AccountName], environment: APIEnvironment?)
  }

  /// When the sweep begins.
  public enum Start: Hashable, Sendable {
    /// At once.
    case now
    /// This long after the request was produced, unless a later request with the same `cancelID` and scope moves it.
    case after(Duration)
    /// Never: it disarms the switch with the same `cancelID` and scope.
    case off
  }

  /// Names this request in its result: the `cancelId` member, else `ce_id`, else `topic/partition/offset`.
  public var cancelID: String
  /// Whose orders.
  public var scope: Scope
  /// A kill-switch unless the sender says otherwise.
  public var priority: Priority
  /// No call is sent after this; `nil` stands for the configured default.
  public var deadline: Timestamp?
  /// When the sweep begins.
  public var start: Start
  /// Whether it only lists and counts.
  public var isDryRun: Bool
  /// What the results repeat.
  public var details: RequestDetails

  /// A request with the given members.
  public init(
    cancelID: String,
    scope: Scope,
    priority: Priority = .killSwitch,
    deadline: Timestamp? = nil,
    start: Start = .now,
    isDryRun: Bool = false,
    details: RequestDetails = RequestDetails()
  ) {
    self.cancelID = cancelID
    self.scope = scope
    self.priority = priority
    self.deadline = deadline
    self.start = start
    self.isDryRun = isDryRun
    self.details = details
  }

  /// The campaign that the sweep and its orders' results belong to: the request's own, else named like the sweep.
  public var campaignID: String { details.campaignID ?? cancelID }
}

/// A sweep's request together with what its record brought along.
public struct ReceivedSweep: Hashable, Sendable {
  /// What the sender asked for.
  public var request: SweepRequest
  /// The coordinates of the record.
  public var source: SourceCoordinates
  /// When the record was produced, by Kafka's timestamp.
  public var producedAt: Timestamp
  /// When the worker received the record.
  public var receivedAt: Timestamp
  /// The record's key, which the results repeat.
  public var key: [UInt8]?
  /// The headers that the results repeat.
  public var echoedHeaders: [RecordHeader]

  /// A request that came in the record at `source`.
  public init(
    request: SweepRequest,
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

  /// What the sweep's own events repeat from it; the campaign is always there.
  public var echo: RequestEcho {
    var details = request.details
    details.campaignID = request.campaignID
    return RequestEcho(
      cancelID: request.cancelID, source: source, key: key, echoedHeaders: echoedHeaders, details: details)
  }

  /// The request that the sweep makes for one order that it found.
  ///
  /// It carries the sweep's place in Kafka, so that `source` and `orderID` together name it. The context stays with
  /// the sweep's own result, or ten thousand orders would carry it ten thousand times.
  public func request(for orderID: OrderID, of account: AccountName, deadline: Timestamp) -> ReceivedRequest {
    var details = request.details
    details.context = nil
    details.campaignID = request.campaignID
    details.campaignSize = nil
    details.sweptBy = request.cancelID
    return ReceivedRequest(
      request: CancelRequest(
        cancelID: "\(request.cancelID)/\(orderID)", orderID: orderID, account: account, priority: request.priority,
        deadline: deadline, details: details),
      source: source, producedAt: producedAt, receivedAt: receivedAt, key: key, echoedHeaders: echoedHeaders)
  }
}

/// A readable message of the requests topic.
public enum IncomingRequest: Hashable, Sendable {
  /// To cancel one order.
  case cancel(ReceivedRequest)
  /// To cancel every order of an account, or of several.
  case sweep(ReceivedSweep)
}
