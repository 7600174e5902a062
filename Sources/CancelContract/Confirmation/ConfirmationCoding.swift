/// Writes confirmations as records: CloudEvents 1.0 in binary mode, under the request's key.
///
/// The event's id is `EventIdentity.confirmation(of:_:_:)`.
public struct ConfirmationEncoder: Sendable {
  private let headers: EventHeaders
  private let worker: JSONText

  /// An encoder for the events of one worker.
  ///
  /// - Parameters:
  ///   - worker: Who looked the order up.
  ///   - eventSource: The CloudEvents `source`, a URI reference.
  public init(worker: WorkerIdentity, eventSource: String) {
    headers = EventHeaders(type: .confirmation, source: eventSource)
    self.worker = worker.json
  }

  /// The event's record.
  public func encode(_ event: ConfirmationEvent) -> OutgoingRecord {
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    writer.member("cancelId", event.echo.cancelID)
    writer.member("orderId", event.orderID.value)
    writer.member("account", event.account.description)
    writer.member("verdict", event.verdict.rawValue)
    writer.name("status")
    if let status = event.status {
      writer.beginObject()
      writer.member("id", status.id.map(Int64.init))
      writer.member("name", status.name)
      writer.member("errorCode", status.errorCode.map(Int64.init))
      writer.member("errorMessage", status.errorMessage)
      writer.endObject()
    } else {
      writer.null()
    }
    writer.member("problem", event.problem?.json)
    writer.member("lookups", Int64(event.lookups))
    writer.member("accepted", event.acceptedAt)
    writer.member("confirmed", event.confirmedAt)
    writer.resultMembers(of: event.echo.details)
    writer.member("source", event.echo.source)
    writer.member("worker", worker)
    writer.endObject()
    return OutgoingRecord(
      key: event.echo.key,
      value: writer.bytes,
      headers: headers.headers(
        id: [UInt8](uuid: EventIdentity.confirmation(of: event.echo.source, event.orderID, event.account)),
        time: event.confirmedAt, subject: event.orderID, echoing: event.echo.echoedHeaders))
  }
}

/// Reads confirmations from records.
public struct ConfirmationDecoder: Sendable {
  /// A decoder.
  public init() {}

  /// Reads the confirmation in a record.
  ///
  /// - Throws: `UnreadableEvent`, also where the record holds another kind of event.
  public func decode(
    value: [UInt8]?, key: [UInt8]? = nil, headers: [RecordHeader] = []
  ) throws(UnreadableEvent) -> ConfirmationEvent {
    let reader = try EventReader(.confirmation, value: value, headers: headers)
    func integer(_ path: String) throws(UnreadableEvent) -> Int? {
      try reader.optional(path) { $0.integer.flatMap(Int.init(exactly:)) }
    }
    var status: OrderStatus?
    if reader.value("status") != nil {
      status = OrderStatus(
        id: try integer("status.id"), name: try reader.optional("status.name", \.string),
        errorCode: try integer("status.errorCode"), errorMessage: try reader.optional("status.errorMessage", \.string))
    }
    return ConfirmationEvent(
      echo: try reader.echo(key: key, details: RequestDetails(fromResult: reader)),
      orderID: try reader.required("orderId", \.orderID),
      account: AccountName(try reader.required("account", \.string)),
      verdict: try reader.required("verdict") { $0.string.flatMap(ConfirmationEvent.Verdict.init(rawValue:)) },
      status: status,
      problem: try reader.object("problem").map(Problem.init(json:)),
      lookups: try reader.required("lookups") { $0.integer.flatMap(Int.init(exactly:)) },
      acceptedAt: try reader.required("accepted", \.timestamp),
      confirmedAt: try reader.required("confirmed", \.timestamp))
  }
}
