import CancelContract
import FoundationEssentials

/// A call to send now.
public struct Call: Hashable, Sendable {
  /// The engine's count of it, to be given back with the answer.
  public var id: CallID
  /// The order to cancel.
  public var orderID: OrderID
  /// The account with whose credential.
  public var account: AccountName
  /// Its `x-request-id`.
  public var requestID: UUID
  /// The priority of the most urgent request behind it.
  public var priority: Priority
  /// When the first of its requests was produced.
  public var producedAt: Timestamp
  /// When the first of its requests was taken up.
  public var receivedAt: Timestamp
  /// Which attempt this is, from 1; a 429 is not counted.
  public var attempt: Int
  /// Whether no call for the order went before it, as far as is known.
  public var isFirst: Bool
  /// For how long the key's quota would have let it go, while something else (an outage, a refused credential, too many
  /// calls in flight) kept it waiting.
  public var lateness: Duration
  /// The first request's headers, for the trace context.
  public var headers: [RecordHeader]
}

/// A call that was sent and is not answered.
struct Flight: Sendable {
  /// The order's slot, which no longer stands where its partition was given up meanwhile.
  var order: OrderSlot
  var key: QuotaKey
  var slot: QuotaWindow.Slot
  var isProbe: Bool
  var sendIndex: Int
}
