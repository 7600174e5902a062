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
      cancelID: try reader.required("cancelId", \.string),
      orderID: try reader.required("orderId", \.orderID),
      account: AccountName(try reader.required("account", \.string)),
      reason: try reader.required("reason") { $0.string.flatMap(ProgressEvent.Reason.init(rawValue:)) },
      place: try reader.required("place") { $0.integer.flatMap(Int.init(exactly:)) },
      estimatedAt: try reader.optional("estimatedAt", \.timestamp),
      waitingSince: try reader.required("waitingSince", \.timestamp),
      reportedAt: try reader.required("reportedAt", \.timestamp),
      sequence: try reader.required("sequence") { $0.integer.flatMap(Int.init(exactly:)) },
      campaignID: try reader.optional("campaignId", \.string),
      context: try reader.object("context"),
      source: try reader.source(),
      key: key,
      echoedHeaders: reader.echoedHeaders
    )
    return Event(progress: progress, id: reader.id, worker: try reader.worker())
  }
}
