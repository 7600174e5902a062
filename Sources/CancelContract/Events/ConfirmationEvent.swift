/// What became of an order after the API had taken its cancel: `accepted` means submitted, this tells whether it is gone.
public struct ConfirmationEvent: Hashable, Sendable {
  /// What became of the order.
  public enum Verdict: String, Sendable, CaseIterable {
    /// It is cancelled.
    case cancelled
    /// It was executed: the cancel came too late.
    case filled
    /// A part of it was executed before it was cancelled, or is executed and the rest still pending.
    case partlyFilled
    /// It was pending as long as it was asked about.
    case stillPending
    /// The API could not tell, or told something that has no known meaning; its own words are in the status.
    case unknown
  }

  /// What the event repeats from the request whose call was accepted.
  public var echo: RequestEcho
  /// The order.
  public var orderID: OrderID
  /// The account that holds it.
  public var account: AccountName
  /// What became of it.
  public var verdict: Verdict
  /// The last status that the API told; `nil` where it told none.
  public var status: OrderStatus?
  /// Why no status could be had, or the last one is old; `nil` where the last lookup was answered.
  public var problem: Problem?
  /// How often the order was looked up.
  public var lookups: Int
  /// When the API accepted the cancel.
  public var acceptedAt: Timestamp
  /// When the verdict was reached.
  public var confirmedAt: Timestamp

  /// An event with the given members.
  public init(
    echo: RequestEcho,
    orderID: OrderID,
    account: AccountName,
    verdict: Verdict,
    status: OrderStatus? = nil,
    problem: Problem? = nil,
    lookups: Int,
    acceptedAt: Timestamp,
    confirmedAt: Timestamp
  ) {
    self.echo = echo
    self.orderID = orderID
    self.account = account
    self.verdict = verdict
    self.status = status
    self.problem = problem
    self.lookups = lookups
    self.acceptedAt = acceptedAt
    self.confirmedAt = confirmedAt
  }
}

/// An order's status in the API's own words.
public struct OrderStatus: Hashable, Sendable {
  /// The status' number. The specification and practice disagree on what the numbers mean.
  public var id: Int?
  /// The status' name.
  public var name: String?
  /// The number of the error that it ended with.
  public var errorCode: Int?
  /// The error in words.
  public var errorMessage: String?

  /// A status with the given members.
  public init(id: Int? = nil, name: String? = nil, errorCode: Int? = nil, errorMessage: String? = nil) {
    self.id = id
    self.name = name
    self.errorCode = errorCode
    self.errorMessage = errorMessage
  }

  /// What a status means for a cancel.
  public enum Meaning: Sendable {
    /// It does not change any more.
    case final(ConfirmationEvent.Verdict)
    /// It may change; should it not in time, this is the verdict.
    case passing(ConfirmationEvent.Verdict)
  }

  /// What the status means, by its name alone: the numbers' meaning differs between the specification and practice.
  public var meaning: Meaning {
    switch name?.lowercased().filter(\.isLetter) {
    case "cancelled", "canceled": .final(.cancelled)
    case "executed", "filled": .final(.filled)
    case "canceledpartiallyfilled", "cancelledpartiallyfilled", "rejectedpartiallyfilled": .final(.partlyFilled)
    case "partiallyfilled": .passing(.partlyFilled)
    case "received", "placed", "pending", "pendingcancel", "waitingformarket", "pendingtriggeredrate":
      .passing(.stillPending)
    case "rejected", "expired": .final(.unknown)
    default: .passing(.unknown)
    }
  }
}

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
