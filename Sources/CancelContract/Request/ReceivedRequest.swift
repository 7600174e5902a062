/// A request together with what its record brought along.
public struct ReceivedRequest: Hashable, Sendable {
  /// What the sender asked for.
  public var request: CancelRequest
  /// Where the record stands.
  public var source: SourceCoordinates
  /// When the record was produced, by Kafka's timestamp.
  public var producedAt: Timestamp
  /// When the worker took the record up.
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
}

/// A record that is no request: what is wrong with it, and as much of it as could be read.
public struct UnreadableRequest: Error, Hashable, Sendable {
  /// What is wrong, and how to mend it.
  public var problem: Problem
  /// The best name there is for the request; never empty.
  public var cancelID: String
  /// The order, where it could be read.
  public var orderID: OrderID?
  /// The account, where it could be read.
  public var account: AccountName?
  /// The campaign, where it could be read.
  public var campaignID: String?
  /// When the sender decided, where it could be read.
  public var decidedAt: Timestamp?
  /// The request's own object, where it could be read.
  public var context: JSONText?
  /// Where the record stands.
  public var source: SourceCoordinates
  /// When the record was produced, by Kafka's timestamp.
  public var producedAt: Timestamp
  /// When the worker took the record up.
  public var receivedAt: Timestamp
  /// The record's key.
  public var key: [UInt8]?
  /// The headers that the result repeats.
  public var echoedHeaders: [RecordHeader]

  /// The request's one result, with the outcome `invalid`.
  public func result(answeredAt: Timestamp) -> CancelResult {
    CancelResult(
      cancelID: cancelID,
      orderID: orderID,
      account: account,
      outcome: .invalid,
      problem: problem,
      campaignID: campaignID,
      context: context,
      source: source,
      stages: .init(decided: decidedAt, produced: producedAt, received: receivedAt, answered: answeredAt),
      key: key,
      echoedHeaders: echoedHeaders
    )
  }
}

extension UnreadableRequest {
  /// A request that could be read, and can't be taken for `problem`.
  public init(_ received: ReceivedRequest, account: AccountName, problem: Problem) {
    self.init(
      problem: problem,
      cancelID: received.request.cancelID,
      orderID: received.request.orderID,
      account: account,
      campaignID: received.request.campaignID,
      decidedAt: received.request.decidedAt,
      context: received.request.context,
      source: received.source,
      producedAt: received.producedAt,
      receivedAt: received.receivedAt,
      key: received.key,
      echoedHeaders: received.echoedHeaders
    )
  }
}
