/// Writes requests as records, for `cancel-worker request`, the demo and tests.
///
/// Members that are absent are left out; the order's number is the key.
public struct RequestEncoder: Sendable {
  /// How the request is wrapped.
  public enum Format: Hashable, Sendable {
    /// Plain JSON.
    case plain
    /// CloudEvents 1.0 in binary mode, from this `source` (a URI reference).
    case cloudEvent(source: String)
  }

  private let headers: EventHeaders?

  /// An encoder for that format.
  public init(_ format: Format) {
    switch format {
    case .plain: headers = nil
    case .cloudEvent(let source): headers = EventHeaders(type: .request, source: source)
    }
  }

  /// The request's record.
  ///
  /// - Parameters:
  ///   - request: The request; its `cancelID` is the CloudEvent's id too.
  ///   - time: When the event arises.
  ///   - further: Further headers, such as `correlation-id` and `traceparent`.
  public func encode(_ request: CancelRequest, at time: Timestamp, headers further: [RecordHeader] = [])
    -> OutgoingRecord
  {
    let own = headers?.headers(id: Array(request.cancelID.utf8), time: time, subject: request.orderID, echoing: further)
    return OutgoingRecord(
      key: Array(request.orderID.description.utf8),
      value: value(of: request),
      headers: own ?? [RecordHeader(HeaderName.contentType, "application/json")] + further
    )
  }

  private func value(of request: CancelRequest) -> [UInt8] {
    let details = request.details
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    writer.member("cancelId", request.cancelID)
    writer.member("orderId", request.orderID.value)
    if let account = request.account { writer.member("account", account.description) }
    writer.member("priority", request.priority.name)
    if let reason = details.reason { writer.member("reason", reason) }
    if let origin = details.origin { writer.member("origin", origin) }
    if let campaignID = details.campaignID { writer.member("campaignId", campaignID) }
    if let decidedAt = details.decidedAt { writer.member("decidedAt", decidedAt) }
    if let deadline = request.deadline { writer.member("deadline", deadline) }
    if let context = details.context { writer.member("context", context) }
    if let venue = details.venue { writer.member("venue", venue) }
    writer.endObject()
    return writer.bytes
  }
}
