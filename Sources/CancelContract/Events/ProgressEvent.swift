/// Why a request still has no result: published when the wait is long, and again when the estimate moves much.
public struct ProgressEvent: Hashable, Sendable {
  /// What the request waits for.
  public enum Reason: String, Sendable, CaseIterable {
    /// The account's quota is used up.
    case quota
    /// The API does not answer.
    case outage
    /// The account's credential is refused, and requests are held instead of failed.
    case breakerHeld
    /// An operator holds the account's cancels.
    case held
  }

  /// What the event repeats from its request; of the details, its record holds the campaign and the context.
  public var echo: RequestEcho
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
  /// When the event was made.
  public var reportedAt: Timestamp
  /// The number of this event among those of the request, counted from 1.
  public var sequence: Int

  /// An event with the given members.
  public init(
    echo: RequestEcho,
    orderID: OrderID,
    account: AccountName,
    reason: Reason,
    place: Int,
    estimatedAt: Timestamp? = nil,
    waitingSince: Timestamp,
    reportedAt: Timestamp,
    sequence: Int
  ) {
    self.echo = echo
    self.orderID = orderID
    self.account = account
    self.reason = reason
    self.place = place
    self.estimatedAt = estimatedAt
    self.waitingSince = waitingSince
    self.reportedAt = reportedAt
    self.sequence = sequence
  }
}

extension ProgressEvent {
  /// The request's own id.
  public var cancelID: String { echo.cancelID }
}

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
    var writer = JSONWriter(capacity: 1024)
    writer.beginObject()
    writer.member("cancelId", event.echo.cancelID)
    writer.member("orderId", event.orderID.value)
    writer.member("account", event.account.description)
    writer.member("reason", event.reason.rawValue)
    writer.member("place", Int64(event.place))
    writer.member("estimatedAt", event.estimatedAt)
    writer.member("waitingSince", event.waitingSince)
    writer.member("reportedAt", event.reportedAt)
    writer.member("sequence", Int64(event.sequence))
    writer.member("campaignId", event.echo.details.campaignID)
    writer.member("context", event.echo.details.context)
    writer.member("source", event.echo.source)
    writer.member("worker", worker)
    writer.endObject()
    return OutgoingRecord(
      key: event.echo.key,
      value: writer.bytes,
      headers: headers.headers(
        id: [UInt8](uuid: EventIdentity.progress(of: event.echo.source, sequence: event.sequence)),
        time: event.reportedAt,
        subject: event.orderID,
        echoing: event.echo.echoedHeaders
      )
    )
  }
}

/// Reads progress events from records.
public struct ProgressDecoder: Sendable {
  /// A progress event and what its CloudEvent says of itself.
  public struct Event: Hashable, Sendable {
    /// The event; its key and echoed headers are those of the record.
    public var progress: ProgressEvent
    /// The CloudEvents `id`; `nil` where the record has no such header.
    public var id: String?
    /// Who reported.
    public var worker: WorkerIdentity
  }

  /// A decoder.
  public init() {}

  /// Reads the progress event in a record.
  ///
  /// - Throws: `UnreadableEvent`, also where the record holds another kind of event.
  public func decode(
    value: [UInt8]?,
    key: [UInt8]? = nil,
    headers: [RecordHeader] = []
  ) throws(UnreadableEvent) -> Event {
    let reader = try EventReader(.progress, value: value, headers: headers)
    let progress = ProgressEvent(
      echo: try reader.echo(
        key: key,
        details: RequestDetails(
          campaignID: reader.optional("campaignId", \.string),
          context: reader.object("context")
        )
      ),
      orderID: try reader.required("orderId", \.orderID),
      account: AccountName(try reader.required("account", \.string)),
      reason: try reader.required("reason") { $0.string.flatMap(ProgressEvent.Reason.init(rawValue:)) },
      place: try reader.required("place") { $0.integer.flatMap(Int.init(exactly:)) },
      estimatedAt: try reader.optional("estimatedAt", \.timestamp),
      waitingSince: try reader.required("waitingSince", \.timestamp),
      reportedAt: try reader.required("reportedAt", \.timestamp),
      sequence: try reader.required("sequence") { $0.integer.flatMap(Int.init(exactly:)) }
    )
    return Event(progress: progress, id: reader.id, worker: try reader.worker())
  }
}
