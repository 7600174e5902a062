import FoundationEssentials

/// The one answer to one request.
public struct CancelResult: Hashable, Sendable {
  /// What the result repeats from its request.
  public var echo: RequestEcho
  /// The order; `nil` only for a sweep, and where none could be read.
  public var orderID: OrderID?
  /// The account that was used; `nil` where the message could not be read so far.
  public var account: AccountName?
  /// Its outcome.
  public var outcome: CancelOutcome
  /// The API's confirmation token, where it gave one.
  public var token: String?
  /// Why it was not accepted; `nil` exactly when `outcome` is `accepted` or `acknowledged`.
  public var problem: Problem?
  /// The API's last status code; `nil` where it never answered.
  public var httpStatus: Int?
  /// Calls that were sent and count as attempts (a 429 does not).
  public var attempts: Int
  /// The `x-request-id` of every call, in order.
  public var requestIDs: [UUID]
  /// Whether this was answered from an earlier request's outcome or shared another's call.
  public var deduplicated: Bool
  /// The `cancelId` of the request that this one duplicates.
  public var duplicateOf: String?
  /// When each stage was reached.
  public var stages: Stages
  /// What a sweep tells of itself; `nil` for one order's result.
  public var sweep: SweepReport? {
    get { sharedSweep?.value }
    set { sharedSweep = newValue.map(Shared.init) }
  }

  private var sharedSweep: Shared<SweepReport>?

  /// A result with the given members.
  public init(
    echo: RequestEcho,
    orderID: OrderID?,
    account: AccountName?,
    outcome: CancelOutcome,
    token: String? = nil,
    problem: Problem? = nil,
    httpStatus: Int? = nil,
    attempts: Int = 0,
    requestIDs: [UUID] = [],
    deduplicated: Bool = false,
    duplicateOf: String? = nil,
    stages: Stages,
    sweep: SweepReport? = nil
  ) {
    self.echo = echo
    self.orderID = orderID
    self.account = account
    self.outcome = outcome
    self.token = token
    self.problem = problem
    self.httpStatus = httpStatus
    self.attempts = attempts
    self.requestIDs = requestIDs
    self.deduplicated = deduplicated
    self.duplicateOf = duplicateOf
    self.stages = stages
    sharedSweep = sweep.map(Shared.init)
  }

  /// When each stage of a request was reached; `nil` where it was not.
  public struct Stages: Hashable, Sendable {
    /// The record was produced.
    public var produced: Timestamp
    /// The worker received the record.
    public var received: Timestamp
    /// The first call for the order was sent.
    public var firstSent: Timestamp?
    /// The outcome was known.
    public var answered: Timestamp

    /// Stages with the given times.
    public init(
      produced: Timestamp,
      received: Timestamp,
      firstSent: Timestamp? = nil,
      answered: Timestamp
    ) {
      self.produced = produced
      self.received = received
      self.firstSent = firstSent
      self.answered = answered
    }
  }
}

extension CancelResult {
  /// The request's own id.
  public var cancelID: String { echo.cancelID }
  /// The coordinates of the request's record.
  public var source: SourceCoordinates { echo.source }
  /// The request's headers that the result repeats.
  public var echoedHeaders: [RecordHeader] { echo.echoedHeaders }
}

/// The outcome of a request.
public enum CancelOutcome: UInt8, Sendable, CaseIterable {
  /// The API took the cancel (any 2xx).
  case accepted = 0
  /// The API refused this cancel (400, 404, 422 and their like).
  case rejected = 1
  /// The deadline passed before a call was sent.
  case expired = 2
  /// No answer that settles the order could be had; the problem says whether the outcome is unknown.
  case failed = 3
  /// The message could not be read as a request.
  case invalid = 4
  /// The request was carried out and was not one to cancel: a dry run, or a dead-man's switch that was armed, moved or
  /// disarmed.
  case acknowledged = 5

  /// The outcome's name in results.
  public var name: String {
    switch self {
    case .accepted: "accepted"
    case .rejected: "rejected"
    case .expired: "expired"
    case .failed: "failed"
    case .invalid: "invalid"
    case .acknowledged: "acknowledged"
    }
  }
}

/// Writes results as records: CloudEvents 1.0 in binary mode.
///
/// The value has every member, null where there is nothing to say; of the request's own, those that
/// `RequestDetails` lists only where the request has them, and of a sweep's report only on its own result. The event's id is
/// `EventIdentity.id(of:)`.
public struct ResultEncoder: Sendable {
  private let headers: EventHeaders
  private let worker: JSONText

  /// An encoder for the events of one worker.
  ///
  /// - Parameters:
  ///   - worker: Who answers.
  ///   - eventSource: The CloudEvents `source`, a URI reference.
  public init(worker: WorkerIdentity, eventSource: String) {
    headers = EventHeaders(type: .result, source: eventSource)
    self.worker = worker.json
  }

  /// The result's record, with the request's key.
  public func encode(_ result: CancelResult) -> OutgoingRecord {
    OutgoingRecord(
      key: result.echo.key,
      value: value(of: result),
      headers: headers.headers(
        id: [UInt8](uuid: EventIdentity.id(of: result)),
        time: result.stages.answered,
        subject: result.orderID,
        echoing: result.echoedHeaders
      )
    )
  }

  private func value(of result: CancelResult) -> [UInt8] {
    JSONWriter.bytes(upTo: 1024) { write(result, to: &$0) }
  }

  private func write(_ result: CancelResult, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("cancelId", result.cancelID)
    writer.member("orderId", result.orderID?.value)
    writer.member("account", result.account?.description)
    writer.member("outcome", result.outcome.name)
    writer.member("token", result.token)
    writer.member("problem", result.problem?.json)
    writer.member("httpStatus", result.httpStatus.map(Int64.init))
    writer.member("attempts", Int64(result.attempts))
    writer.name("requestIds")
    writer.beginArray()
    for id in result.requestIDs { writer.uuid(id) }
    writer.endArray()
    writer.name("deduplicated")
    writer.boolean(result.deduplicated)
    writer.member("duplicateOf", result.duplicateOf)
    writer.resultMembers(of: result.echo.details)
    if let sweep = result.sweep { writer.members(of: sweep) }
    writer.member("source", result.source)
    writer.name("timestamps")
    writer.beginObject()
    writer.member("decided", result.echo.details.decidedAt)
    writer.member("produced", result.stages.produced)
    writer.member("received", result.stages.received)
    writer.member("firstSent", result.stages.firstSent)
    writer.member("answered", result.stages.answered)
    writer.endObject()
    writer.member("worker", worker)
    writer.endObject()
  }
}

extension WorkerIdentity {
  /// The object that events carry.
  var json: JSONText {
    var writer = JSONWriter(capacity: 96)
    writer.beginObject()
    writer.member("instance", instance)
    writer.member("version", version)
    writer.endObject()
    return JSONText(wellFormed: writer.bytes)
  }
}

extension JSONWriter {
  /// Writes a member with a record's coordinates.
  mutating func member(_ name: StaticString, _ source: SourceCoordinates) {
    self.name(name)
    beginObject()
    member("topic", source.topic)
    member("partition", Int64(source.partition))
    member("offset", source.offset)
    endObject()
  }
}

/// Reads results from records, for `watch`, `request --wait` and tests.
public struct ResultDecoder: Sendable {
  /// A result and what its event says of itself.
  public struct Event: Hashable, Sendable {
    /// The result; its key and echoed headers are those of the record.
    public var result: CancelResult
    /// The CloudEvents `id`; `nil` where the record has no such header.
    public var id: String?
    /// Who answered.
    public var worker: WorkerIdentity
  }

  /// A decoder.
  public init() {}

  /// Reads the result in a record.
  ///
  /// - Throws: `UnreadableEvent`, also where the record holds another kind of event.
  public func decode(
    value: [UInt8]?,
    key: [UInt8]? = nil,
    headers: [RecordHeader] = []
  ) throws(UnreadableEvent) -> Event {
    let reader = try EventReader(.result, value: value, headers: headers)
    let result = CancelResult(
      echo: try reader.echo(key: key, details: RequestDetails(fromResult: reader)),
      orderID: try reader.optional("orderId", \.orderID),
      account: try reader.optional("account", \.string).map { AccountName($0) },
      outcome: try reader.required("outcome") { $0.string.flatMap(CancelOutcome.init(name:)) },
      token: try reader.optional("token", \.string),
      problem: try reader.object("problem").map(Problem.init(json:)),
      httpStatus: try reader.optional("httpStatus") { $0.integer.flatMap(Int.init(exactly:)) },
      attempts: try reader.required("attempts") { $0.integer.flatMap(Int.init(exactly:)) },
      requestIDs: try reader.optional("requestIds", \.uuids) ?? [],
      deduplicated: try reader.required("deduplicated", \.boolean),
      duplicateOf: try reader.optional("duplicateOf", \.string),
      stages: .init(
        produced: try reader.required("timestamps.produced", \.timestamp),
        received: try reader.required("timestamps.received", \.timestamp),
        firstSent: try reader.optional("timestamps.firstSent", \.timestamp),
        answered: try reader.required("timestamps.answered", \.timestamp)
      ),
      sweep: try SweepReport(fromResult: reader)
    )
    return Event(result: result, id: reader.id, worker: try reader.worker())
  }
}

extension CancelOutcome {
  /// The outcome of that name.
  public init?(name: String) {
    guard let outcome = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = outcome
  }
}
