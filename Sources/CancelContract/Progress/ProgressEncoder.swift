/// Writes progress events as records: CloudEvents 1.0 in binary mode.
///
/// The event's id is `EventIdentity.progress(of:sequence:)`.
public struct ProgressEncoder: Sendable {
  private let headers: EventHeaders
  private let worker: JSONText

  /// An encoder for the events of one worker.
  ///
  /// - Parameters:
  ///   - worker: Who reports.
  ///   - eventSource: The CloudEvents `source`, a URI reference.
  public init(worker: WorkerIdentity, eventSource: String) {
    headers = EventHeaders(type: .progress, source: eventSource)
    self.worker = worker.json
  }

  /// The event's record, with the request's key.
  public func encode(_ event: ProgressEvent) -> OutgoingRecord {
    var writer = JSONWriter(capacity: 512 + (event.context?.utf8.count ?? 0))
    writer.beginObject()
    writer.member("cancelId", event.cancelID)
    writer.member("orderId", event.orderID.value)
    writer.member("account", event.account.description)
    writer.member("reason", event.reason.rawValue)
    writer.member("place", Int64(event.place))
    writer.member("estimatedAt", event.estimatedAt)
    writer.member("waitingSince", event.waitingSince)
    writer.member("reportedAt", event.reportedAt)
    writer.member("sequence", Int64(event.sequence))
    writer.member("campaignId", event.campaignID)
    writer.member("context", event.context)
    writer.member("source", event.source)
    writer.member("worker", worker)
    writer.endObject()
    return OutgoingRecord(
      key: event.key,
      value: writer.bytes,
      headers: headers.headers(
        id: [UInt8](uuid: EventIdentity.progress(of: event.source, sequence: event.sequence)),
        time: event.reportedAt,
        subject: event.orderID,
        echoing: event.echoedHeaders
      )
    )
  }
}
