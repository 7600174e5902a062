/// As much of a request as could be read, and the first thing that is wrong with it.
///
/// Reading goes on behind a bad member, so that the `invalid` result still carries the order, the ids and the context.
struct RequestDraft {
  var cancelID: String?
  var orderID: OrderID?
  var account: AccountName?
  var priority = Priority.routine
  /// Whether the priority was told: a sweep is a kill-switch unless it says otherwise.
  private var tellsPriority = false
  var deadline: Timestamp?
  var details = RequestDetails()
  var sweep = SweepDraft()
  private(set) var fault: RequestFault?
  /// A bit for each member of `RequestMember.all` that was there.
  private var seen: UInt64 = 0

  /// Whether there was a member `orderId`.
  var hasSeenOrderID: Bool { seen & 1 << RequestMember.orderID != 0 }

  /// Whether there was a member that says what to cancel.
  var hasSeenTarget: Bool { hasSeenOrderID || seen & 1 << RequestMember.scope != 0 }

  /// Whether there was a member `specversion`, which no request has and every CloudEvent in JSON.
  private(set) var hasSeenSpecVersion = false

  /// A sweep's priority.
  var sweepPriority: Priority { tellsPriority ? priority : .killSwitch }

  /// Keeps the fault if it is the first.
  mutating func note(_ fault: RequestFault) {
    if self.fault == nil { self.fault = fault }
  }

  /// Reads a request object.
  mutating func read(from reader: inout JSONReader) throws(JSONFault) {
    let kind = try reader.peekKind()
    guard kind == .object else {
      try reader.skipValue()
      note(
        RequestFault(
          .notAnObject, "a request must be a JSON object with the member `orderId` or `scope`; it is \(kind)"))
      return
    }
    guard try reader.enterObject() else { return }
    repeat {
      let name = try reader.readName()
      if let index = RequestMember.index(of: name, in: reader) {
        try readMember(index, named: name, from: &reader)
      } else {
        if reader.matches(name, "specversion") { hasSeenSpecVersion = true }
        try reader.skipValue()
      }
    } while try reader.continuesObject()
  }

  private mutating func readMember(
    _ index: Int,
    named name: JSONString,
    from reader: inout JSONReader
  ) throws(JSONFault) {
    guard seen & 1 << index == 0 else {
      // Which of two orders was meant can't be known.
      if index == RequestMember.orderID { orderID = nil }
      try reader.skipValue()
      note(.duplicate("\(RequestMember.all[index].name)", at: name.range.lowerBound, in: reader))
      return
    }
    seen |= 1 << index
    try RequestMember.all[index].read(&self, &reader)
  }

  /// Reads the priority.
  mutating func readPriority(from reader: inout JSONReader) throws(JSONFault) {
    let (kind, place) = try reader.peekPlace()
    switch kind {
    case .null: return try reader.readNull()
    case .string:
      let text = try reader.readString()
      tellsPriority = true
      if reader.matches(text, "killSwitch") {
        priority = .killSwitch
      } else if !reader.matches(text, "routine") {
        note(.invalid("priority", "must be \"routine\" or \"killSwitch\"; it is another string", at: place, in: reader))
      }
    default:
      try reader.skipValue()
      note(.invalid("priority", "must be \"routine\" or \"killSwitch\"; it is \(kind)", at: place, in: reader))
    }
  }

  /// Reads the order id: a JSON integer or a string of decimal digits, exactly.
  mutating func readOrderID(from reader: inout JSONReader) throws(JSONFault) {
    let (kind, place) = try reader.peekPlace()
    switch kind {
    case .number:
      let number = try reader.readNumber()
      // At the end of a text that broke off, digits may be missing.
      guard reader.position < reader.end else { throw reader.fault(at: reader.end, expected: "`,` or `}`") }
      guard !reader.hasFraction(number) else {
        return note(.orderID("has a fraction", at: place, in: reader))
      }
      guard let value = reader.int64(number) else {
        return note(.orderID("exceeds 64 bits", at: place, in: reader))
      }
      keep(value, at: place, in: reader)
    case .string:
      let digits = reader.utf8(try reader.readString())
      let isCanonical =
        digits.first != UInt8(ascii: "0") && !digits.isEmpty && digits.allSatisfy { (0x30...0x39) ~= $0 }
      guard isCanonical || digits == [UInt8(ascii: "0")] else {
        return note(.orderID("is a string with something other than digits, or leading zeros", at: place, in: reader))
      }
      guard let value = Int64(digits: digits[...]) else {
        return note(.orderID("exceeds 64 bits", at: place, in: reader))
      }
      keep(value, at: place, in: reader)
    case .null:
      try reader.readNull()
      note(.orderIDMissing("is null"))
    default:
      try reader.skipValue()
      note(.orderID("is \(kind)", at: place, in: reader))
    }
  }

  private mutating func keep(_ value: Int64, at place: Int, in reader: JSONReader) {
    orderID = OrderID(value)
    if orderID == nil { note(.orderID(value == 0 ? "is zero" : "is negative", at: place, in: reader)) }
  }
}

extension RequestFault {
  /// There is no order id.
  static func orderIDMissing(_ what: String) -> RequestFault {
    RequestFault(
      .orderIDMissing,
      "`orderId` \(what): send the order's number as a JSON integer or as a string of decimal digits",
      member: "orderId"
    )
  }

  /// The order id is there and is none.
  fileprivate static func orderID(_ what: String, at offset: Int, in reader: JSONReader) -> RequestFault {
    RequestFault(
      .orderIDInvalid,
      "`orderId` (\(reader.placeDescription(of: offset))) \(what): "
        + "send an integer from 1 to 9223372036854775807, or the same as a string of decimal digits",
      member: "orderId"
    )
  }
}

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
