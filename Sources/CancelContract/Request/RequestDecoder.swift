/// Reads requests from records: plain JSON, or CloudEvents 1.0 in binary or structured mode.
///
/// A value is read as a structured CloudEvent where the content type says so, or where it has a member `specversion` and
/// neither `orderId` nor `scope` of its own.
///
/// Unknown members are ignored; known ones must be what the contract says, and must not appear twice. `null` stands for an optional
/// member that is absent. Points in time are strings of RFC 3339, or integers of milliseconds since 1970 (not seconds:
/// integers before March 1973 are refused).
public struct RequestDecoder: Sendable {
  /// The largest value that is read by default: 1 MiB.
  public static let defaultMaximumBytes = 1024 * 1024

  private let echoedNames: [String]
  private let maximumBytes: Int

  /// A decoder.
  ///
  /// - Parameters:
  ///   - echoedHeaderNames: Headers that results repeat besides `correlation-id`, `traceparent` and `tracestate`. Case
  ///     doesn't matter. At most 32 headers of a record are repeated, each up to 4 KiB; what exceeds that is left out.
  ///   - maximumBytes: The largest value that is read, in bytes.
  public init(echoedHeaderNames: Set<String> = [], maximumBytes: Int = RequestDecoder.defaultMaximumBytes) {
    let always = [HeaderName.correlationID, HeaderName.traceParent, HeaderName.traceState]
    echoedNames = always + Set(echoedHeaderNames.map { $0.lowercased() }).subtracting(always).sorted()
    self.maximumBytes = maximumBytes
  }

  /// Reads the request in a record, or says what is wrong with it.
  ///
  /// - Parameters:
  ///   - value: The record's value; `nil` for a tombstone.
  ///   - key: The record's key, which the result repeats where it has at most 64 KiB.
  ///   - headers: The record's headers; their values may be any bytes.
  ///   - source: The coordinates of the record; names the request where it has no id of its own.
  ///   - producedAt: Kafka's timestamp of the record.
  ///   - receivedAt: When the worker received the record.
  public func decode(
    value: [UInt8]?,
    key: [UInt8]?,
    headers: [RecordHeader],
    source: SourceCoordinates,
    producedAt: Timestamp,
    receivedAt: Timestamp
  ) -> Result<IncomingRequest, UnreadableRequest> {
    var envelope = RequestEnvelope(headers, echoing: echoedNames)
    var draft = RequestDraft()
    var fault = read(value, into: &draft, &envelope)
    let key = key.flatMap { $0.count <= RequestLimits.key ? $0 : nil }
    let cancelID = draft.cancelID ?? envelope.eventID ?? source.description
    if fault == nil { fault = draft.targetFault }
    if fault == nil, let scope = draft.scope {
      let request = SweepRequest(
        cancelID: cancelID, scope: scope, priority: draft.sweepPriority, deadline: draft.deadline,
        start: draft.sweep.start ?? .now, isDryRun: draft.sweep.isDryRun ?? false, details: draft.details)
      return .success(
        .sweep(
          ReceivedSweep(
            request: request, source: source, producedAt: producedAt, receivedAt: receivedAt, key: key,
            echoedHeaders: envelope.echoed)))
    }
    if fault == nil, let orderID = draft.orderID {
      let request = CancelRequest(
        cancelID: cancelID,
        orderID: orderID,
        account: draft.account,
        priority: draft.priority,
        deadline: draft.deadline,
        details: draft.details
      )
      return .success(
        .cancel(
          ReceivedRequest(
            request: request,
            source: source,
            producedAt: producedAt,
            receivedAt: receivedAt,
            key: key,
            echoedHeaders: envelope.echoed
          )
        )
      )
    }
    return .failure(
      UnreadableRequest(
        problem: (fault ?? .orderIDMissing("is missing")).problem,
        orderID: draft.orderID,
        account: draft.account,
        echo: RequestEcho(
          cancelID: cancelID,
          source: source,
          key: key,
          echoedHeaders: envelope.echoed,
          details: draft.details
        ),
        producedAt: producedAt,
        receivedAt: receivedAt
      )
    )
  }

  /// Fills the draft as far as the value goes; returns the fault that counts.
  private func read(
    _ value: [UInt8]?,
    into draft: inout RequestDraft,
    _ envelope: inout RequestEnvelope
  ) -> RequestFault? {
    guard let value, !value.isEmpty else {
      return RequestFault(
        .emptyValue, "the record has no value: send a JSON object with the member `orderId` or `scope`")
    }
    guard value.count <= maximumBytes else {
      return RequestFault(.tooLarge, "the value has \(value.count) bytes: send at most \(maximumBytes)")
    }
    do {
      var reader = JSONReader(value)
      if envelope.mode != .structured { try readRequest(from: &reader, into: &draft) }
      // Some senders, such as the Python SDK 1.x and Dapr, leave out a structured event's content type.
      if draft.hasSeenSpecVersion, !draft.hasSeenTarget, envelope.mode != .unsupported {
        draft = RequestDraft()
        reader = JSONReader(value)
        envelope.mode = .structured
      }
      if envelope.mode == .structured { try readEvent(from: &reader, into: &draft, &envelope) }
    } catch {
      return envelope.fault ?? RequestFault(error)
    }
    return envelope.fault ?? draft.fault ?? Self.idFault(draft, envelope)
  }

  private func readRequest(from reader: inout JSONReader, into draft: inout RequestDraft) throws(JSONFault) {
    try draft.read(from: &reader)
    try reader.finish()
    if !draft.hasSeenTarget, draft.fault?.type != .notAnObject { draft.note(.orderIDMissing(from: reader)) }
  }

  private func readEvent(
    from reader: inout JSONReader,
    into draft: inout RequestDraft,
    _ envelope: inout RequestEnvelope
  ) throws(JSONFault) {
    let event = try StructuredEvent(from: &reader)
    try reader.finish()
    envelope.eventID = event.id
    envelope.fault = event.fault
    if let data = event.data {
      var inner = JSONReader(reader.bytes, range: data)
      try readRequest(from: &inner, into: &draft)
    } else if let data = event.decodedData {
      var inner = JSONReader(data)
      try readRequest(from: &inner, into: &draft)
    } else if event.fault == nil {
      draft.note(RequestFault(.emptyValue, "the CloudEvent has no `data`: put the request's object there"))
    }
  }

  /// The event's id has to serve as `cancelId` and can't.
  private static func idFault(_ draft: RequestDraft, _ envelope: RequestEnvelope) -> RequestFault? {
    guard envelope.mode != .plain, draft.cancelID == nil, envelope.eventID == nil else { return nil }
    let length = RequestLimits.cancelID
    return RequestFault(
      .envelopeInvalid,
      "the CloudEvent's `id` stands in for `cancelId` and must have 1 to \(length) characters, none of them "
        + "a control character: shorten it, or send `cancelId`"
    )
  }
}
