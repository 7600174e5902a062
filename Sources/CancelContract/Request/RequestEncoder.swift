/// Writes requests as records, for `cancel-worker request`, the demo and tests.
///
/// Members that are absent are left out. The key is the order's number; a sweep's is its account's name, or `all`, so
/// that a dead-man's switch and its renewals meet in one partition.
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
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    writer.member("cancelId", request.cancelID)
    writer.member("orderId", request.orderID.value)
    if let account = request.account { writer.member("account", account.description) }
    writer.member("priority", request.priority.name)
    write(request.details, deadline: request.deadline, to: &writer)
    writer.endObject()
    return writer.bytes
  }

  /// The record of a sweep's request.
  ///
  /// - Parameters: as for one order's.
  public func encode(_ request: SweepRequest, at time: Timestamp, headers further: [RecordHeader] = [])
    -> OutgoingRecord
  {
    let own = headers?.headers(id: Array(request.cancelID.utf8), time: time, subject: nil, echoing: further)
    let key =
      if case .account(let account) = request.scope { account?.description ?? "default" } else { "all" }
    return OutgoingRecord(
      key: Array(key.utf8),
      value: value(of: request),
      headers: own ?? [RecordHeader(HeaderName.contentType, "application/json")] + further
    )
  }

  private func value(of request: SweepRequest) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    writer.member("cancelId", request.cancelID)
    switch request.scope {
    case .account(let account):
      writer.member("scope", "account")
      if let account { writer.member("account", account.description) }
    case .all(let accounts, let environment):
      writer.member("scope", "all")
      if !accounts.isEmpty {
        writer.name("accounts")
        writer.beginArray()
        for account in accounts { writer.string(account.description) }
        writer.endArray()
      }
      if let environment { writer.member("environment", environment.name) }
    }
    writer.member("priority", request.priority.name)
    switch request.start {
    case .now: break
    case .after(let delay): writer.member("after", "\(max(0, delay.microseconds / 1000))ms")
    case .off: writer.member("after", "off")
    }
    if request.isDryRun {
      writer.name("dryRun")
      writer.boolean(true)
    }
    write(request.details, deadline: request.deadline, to: &writer)
    writer.endObject()
    return writer.bytes
  }

  private func write(_ details: RequestDetails, deadline: Timestamp?, to writer: inout JSONWriter) {
    if let reason = details.reason { writer.member("reason", reason) }
    if let origin = details.origin { writer.member("origin", origin) }
    if let campaignID = details.campaignID { writer.member("campaignId", campaignID) }
    if let decidedAt = details.decidedAt { writer.member("decidedAt", decidedAt) }
    if let deadline { writer.member("deadline", deadline) }
    if let context = details.context { writer.member("context", context) }
    if let venue = details.venue { writer.member("venue", venue) }
    if let campaignSize = details.campaignSize { writer.member("campaignSize", Int64(campaignSize)) }
    if details.wantsConfirmation {
      writer.name("confirm")
      writer.boolean(true)
    }
  }
}
