/// Why a request still has no result: told when the wait is long, and again when the estimate slips much.
public struct ProgressEvent: Hashable, Sendable {
  /// What the request waits for.
  public enum Reason: String, Sendable, CaseIterable {
    /// The account's quota is used up.
    case quota
    /// The API does not answer.
    case outage
    /// The account's credential is refused, and requests are held instead of failed.
    case breakerHeld
  }

  /// The request's own id.
  public var cancelID: String
  /// The order to cancel.
  public var orderID: OrderID
  /// The account that holds the order.
  public var account: AccountName
  /// What the request waits for.
  public var reason: Reason
  /// The place in the account's queue, counted from 1.
  public var place: Int
  /// When the call is likely to be sent; `nil` where nobody can tell.
  public var estimatedAt: Timestamp?
  /// Since when the request has waited.
  public var waitingSince: Timestamp
  /// When this was said.
  public var reportedAt: Timestamp
  /// The number of this event among those of the request, counted from 1.
  public var sequence: Int
  /// The campaign named by the request.
  public var campaignID: String?
  /// The request's own object, untouched.
  public var context: JSONText?
  /// Where the request stands.
  public var source: SourceCoordinates
  /// The request's record key, repeated on the event.
  public var key: [UInt8]?
  /// The request's headers, repeated on the event.
  public var echoedHeaders: [RecordHeader]

  /// An event with the given members.
  public init(
    cancelID: String,
    orderID: OrderID,
    account: AccountName,
    reason: Reason,
    place: Int,
    estimatedAt: Timestamp? = nil,
    waitingSince: Timestamp,
    reportedAt: Timestamp,
    sequence: Int,
    campaignID: String? = nil,
    context: JSONText? = nil,
    source: SourceCoordinates,
    key: [UInt8]? = nil,
    echoedHeaders: [RecordHeader] = []
  ) {
    self.cancelID = cancelID
    self.orderID = orderID
    self.account = account
    self.reason = reason
    self.place = place
    self.estimatedAt = estimatedAt
    self.waitingSince = waitingSince
    self.reportedAt = reportedAt
    self.sequence = sequence
    self.campaignID = campaignID
    self.context = context
    self.source = source
    self.key = key
    self.echoedHeaders = echoedHeaders
  }
}
