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
      cancelID: try reader.required("cancelId", \.string),
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
      campaignID: try reader.optional("campaignId", \.string),
      context: try reader.object("context"),
      source: try reader.source(),
      stages: .init(
        decided: try reader.optional("timestamps.decided", \.timestamp),
        produced: try reader.required("timestamps.produced", \.timestamp),
        received: try reader.required("timestamps.received", \.timestamp),
        firstSent: try reader.optional("timestamps.firstSent", \.timestamp),
        answered: try reader.required("timestamps.answered", \.timestamp)
      ),
      key: key,
      echoedHeaders: reader.echoedHeaders
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
