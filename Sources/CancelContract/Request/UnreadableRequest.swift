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
