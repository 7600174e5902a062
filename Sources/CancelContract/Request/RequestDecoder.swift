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

/// What is wrong with a request.
struct RequestFault: Error, Hashable {
  var type: ProblemType
  /// Names the member and the fix.
  var detail: String
  /// The member, where it is one.
  var member: String?

  init(_ type: ProblemType, _ detail: String, member: String? = nil) {
    self.type = type
    self.detail = detail
    self.member = member
  }

  /// The fault of a value that is not JSON.
  init(_ fault: JSONFault) {
    switch fault.code {
    case .notUTF8: self.init(.notUTF8, "\(fault): encode the message in UTF-8")
    case .notJSON where fault.offset == 0 && fault.found == 0:
      self.init(.notJSON, "\(fault): send plain JSON, without a schema registry's framing")
    case .notJSON where fault.offset == 0 && fault.found == 0xEF:
      self.init(.notJSON, "\(fault): send the JSON without a byte order mark")
    case .notJSON: self.init(.notJSON, "\(fault): send one JSON object as RFC 8259 has it")
    case .tooDeep: self.init(.notJSON, "\(fault): nest less deep")
    }
  }

  var problem: Problem { Problem(type, detail: detail, member: member) }
}

extension RequestFault {
  /// The order id is missing from a well-formed object; names a member that looks like a misspelt one.
  static func orderIDMissing(from reader: JSONReader) -> RequestFault {
    let similar = similarName(in: reader)
    return orderIDMissing(similar.map { "is missing (`\($0)` is there)" } ?? "is missing")
  }

  private static func similarName(in reader: JSONReader) -> String? {
    var reader = JSONReader(reader.bytes, range: reader.start..<reader.end)
    return try? similarName(from: &reader)
  }

  private static func similarName(from reader: inout JSONReader) throws(JSONFault) -> String? {
    guard try reader.enterObject() else { return nil }
    repeat {
      let name = reader.text(try reader.readName())
      try reader.skipValue()
      if ["orderid", "id", "order"].contains(name.lowercased().filter(\.isLetter)), name.utf8.count <= 16 {
        return name
      }
    } while try reader.continuesObject()
    return nil
  }
}

/// How long the parts of a request may be, in Unicode scalars (as JSON Schema's `maxLength` counts) or bytes.
enum RequestLimits {
  static let cancelID = 256
  static let account = 128
  static let reason = 1024
  static let campaignID = 256
  static let origin = 256
  static let campaignSize: Int64 = 1_000_000_000
  /// Names in `accounts`.
  static let accounts = 10_000
  /// Bytes.
  static let context = 64 * 1024
  /// Bytes of a record's key; a result doesn't repeat a longer one, or it might not fit into a record itself.
  static let key = 64 * 1024

  /// The smallest integer that is read as milliseconds; a smaller one was most likely meant as seconds.
  static let earliestMilliseconds: Int64 = 100_000_000_000
  /// The last millisecond of the year 9999.
  static let latestMilliseconds: Int64 = 253_402_300_799_999

  /// The text, where it is UTF-8 and can serve as `cancelId`.
  static func identifier(_ utf8: [UInt8]) -> String? {
    guard !utf8.isEmpty, utf8.count <= cancelID * 4, let text = String(validating: utf8, as: UTF8.self),
      isWithin(text, 1...cancelID), !hasControlCharacters(text)
    else { return nil }
    return text
  }

  static func isWithin(_ text: String, _ lengths: ClosedRange<Int>) -> Bool {
    let bytes = text.utf8.count
    // A scalar takes one to four bytes; only in between must they be counted.
    if bytes < lengths.lowerBound || bytes > lengths.upperBound * 4 { return false }
    if bytes <= lengths.upperBound, lengths.lowerBound <= 1 { return true }
    return lengths.contains(text.unicodeScalars.count)
  }

  static func hasControlCharacters(_ text: String) -> Bool {
    text.utf8.contains { $0 < 0x20 }
  }
}

extension RequestFault {
  /// A member that must not be as it is.
  static func invalid(_ member: String, _ fix: String, at offset: Int, in reader: JSONReader) -> RequestFault {
    RequestFault(.memberInvalid, "`\(member)` (\(reader.placeDescription(of: offset))) \(fix)", member: member)
  }

  /// A member that appears twice.
  static func duplicate(_ member: String, at offset: Int, in reader: JSONReader) -> RequestFault {
    let place = reader.placeDescription(of: offset)
    return RequestFault(.duplicateMember, "`\(member)` appears again at \(place): send it once", member: member)
  }
}

extension JSONReader {
  /// The kind of the next value, and its place.
  mutating func peekPlace() throws(JSONFault) -> (kind: JSONKind, place: Int) {
    let kind = try peekKind()
    return (kind, position)
  }

  /// The place for people.
  func placeDescription(of offset: Int) -> String {
    let place = place(of: offset)
    return "line \(place.line), column \(place.column)"
  }
}
