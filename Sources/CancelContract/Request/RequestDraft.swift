/// As much of a request as could be read, and the first thing that is wrong with it.
///
/// Reading goes on behind a bad member, so that the `invalid` result still carries the order, the ids and the context.
struct RequestDraft {
  var cancelID: String?
  var orderID: OrderID?
  var account: AccountName?
  var priority = Priority.routine
  var reason: String?
  var origin: CancelRequest.Origin?
  var campaignID: String?
  var decidedAt: Timestamp?
  var deadline: Timestamp?
  var context: JSONText?
  private(set) var fault: RequestFault?
  private var seen: UInt16 = 0

  /// Whether a member of that name was there.
  func hasSeen(_ member: RequestMember) -> Bool { seen & member.bit != 0 }

  /// Keeps the fault if it is the first.
  mutating func note(_ fault: RequestFault) {
    if self.fault == nil { self.fault = fault }
  }

  /// Reads a request object.
  mutating func read(from reader: inout JSONReader) throws(JSONFault) {
    let kind = try reader.peekKind()
    guard kind == .object else {
      try reader.skipValue()
      note(RequestFault(.notAnObject, "a request must be a JSON object with the member `orderId`; it is \(kind)"))
      return
    }
    guard try reader.enterObject() else { return }
    repeat {
      let name = try reader.readName()
      if let member = RequestMember(name, in: reader) {
        try read(member, named: name, from: &reader)
      } else {
        try reader.skipValue()
      }
    } while try reader.continuesObject()
  }

  private mutating func read(
    _ member: RequestMember,
    named name: JSONString,
    from reader: inout JSONReader
  ) throws(JSONFault) {
    guard !hasSeen(member) else {
      // Which of two orders was meant can't be known.
      if member == .orderID { orderID = nil }
      try reader.skipValue()
      note(.duplicate("\(member.name)", at: name.range.lowerBound, in: reader))
      return
    }
    seen |= member.bit
    switch member {
    case .orderID: try readOrderID(from: &reader)
    case .cancelID: cancelID = try text(member, 1...RequestLimits.cancelID, isIdentifier: true, from: &reader)
    case .account:
      account = try text(member, 1...RequestLimits.account, isIdentifier: true, from: &reader).map { AccountName($0) }
    case .priority: try readPriority(from: &reader)
    case .reason: reason = try text(member, 0...RequestLimits.reason, from: &reader)
    case .origin: try readOrigin(from: &reader)
    case .campaignID: campaignID = try text(member, 0...RequestLimits.campaignID, isIdentifier: true, from: &reader)
    case .decidedAt: decidedAt = try timestamp(member, from: &reader)
    case .deadline: deadline = try timestamp(member, from: &reader)
    case .context: try readContext(from: &reader)
    }
  }
}

/// The members of a request.
enum RequestMember: UInt16, CaseIterable {
  case cancelID, orderID, account, priority, reason, origin, campaignID, decidedAt, deadline, context

  /// The member of that name.
  init?(_ name: JSONString, in reader: borrowing JSONReader) {
    let candidates: [RequestMember]
    switch name.range.count {
    case _ where name.isEscaped: candidates = Self.allCases
    case 6: candidates = Self.ofLength6
    case 7: candidates = Self.ofLength7
    case 8: candidates = Self.ofLength8
    case 9: candidates = Self.ofLength9
    case 10: candidates = Self.ofLength10
    default: return nil
    }
    for member in candidates where reader.matches(name, member.name) {
      self = member
      return
    }
    return nil
  }

  // Names are told apart by their length first: this is done for each member of each request.
  private static let ofLength6: [RequestMember] = [.reason, .origin]
  private static let ofLength7: [RequestMember] = [.orderID, .account, .context]
  private static let ofLength8: [RequestMember] = [.cancelID, .priority, .deadline]
  private static let ofLength9: [RequestMember] = [.decidedAt]
  private static let ofLength10: [RequestMember] = [.campaignID]

  /// The name in JSON.
  var name: StaticString {
    switch self {
    case .cancelID: "cancelId"
    case .orderID: "orderId"
    case .account: "account"
    case .priority: "priority"
    case .reason: "reason"
    case .origin: "origin"
    case .campaignID: "campaignId"
    case .decidedAt: "decidedAt"
    case .deadline: "deadline"
    case .context: "context"
    }
  }

  /// This member's bit in a set of members.
  var bit: UInt16 { 1 << rawValue }
}

extension RequestDraft {
  /// Reads a string of bounded length; `nil` where it is null or invalid.
  mutating func text(
    _ member: RequestMember,
    _ lengths: ClosedRange<Int>,
    isIdentifier: Bool = false,
    from reader: inout JSONReader
  ) throws(JSONFault) -> String? {
    try text("\(member.name)", lengths, isIdentifier: isIdentifier, from: &reader)
  }

  /// Reads the priority.
  mutating func readPriority(from reader: inout JSONReader) throws(JSONFault) {
    let (kind, place) = try next(in: &reader)
    switch kind {
    case .null: return try reader.readNull()
    case .string:
      let text = try reader.readString()
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

  /// Reads a point in time: a string of RFC 3339, or an integer of milliseconds since 1970.
  mutating func timestamp(
    _ member: RequestMember,
    from reader: inout JSONReader
  ) throws(JSONFault) -> Timestamp? {
    let (kind, place) = try next(in: &reader)
    switch kind {
    case .null:
      try reader.readNull()
      return nil
    case .string:
      let text = try reader.readString()
      let bytes = text.isEscaped ? reader.utf8(text)[...] : reader.bytes[text.range]
      if let timestamp = Timestamp(rfc3339: bytes) { return timestamp }
    case .number:
      let milliseconds = reader.int64(try reader.readNumber())
      if let milliseconds, RequestLimits.earliestMilliseconds...RequestLimits.latestMilliseconds ~= milliseconds {
        return Timestamp(milliseconds: milliseconds)
      }
    default: try reader.skipValue()
    }
    let fix = "must be a date and time of RFC 3339 such as \"2026-07-30T09:15:00.250Z\", or milliseconds since 1970"
    note(.invalid("\(member.name)", fix, at: place, in: reader))
    return nil
  }

  /// Reads who asked.
  mutating func readOrigin(from reader: inout JSONReader) throws(JSONFault) {
    let (kind, place) = try next(in: &reader)
    guard kind == .object else {
      try reader.skipValue()
      if kind != .null { note(.invalid("origin", "must be an object; it is \(kind)", at: place, in: reader)) }
      return
    }
    var origin = CancelRequest.Origin()
    var seen: [String] = []
    guard try reader.enterObject() else {
      self.origin = origin
      return
    }
    repeat {
      let name = try reader.readName()
      guard let (label, path) = Self.originMember(name, in: reader) else {
        try reader.skipValue()
        continue
      }
      guard !seen.contains(label) else {
        try reader.skipValue()
        note(.duplicate(label, at: name.range.lowerBound, in: reader))
        continue
      }
      seen.append(label)
      origin[keyPath: path] = try text(label, 0...RequestLimits.origin, isIdentifier: true, from: &reader)
    } while try reader.continuesObject()
    self.origin = origin
  }

  /// Reads the object that the result repeats.
  mutating func readContext(from reader: inout JSONReader) throws(JSONFault) {
    let (kind, place) = try next(in: &reader)
    let range = try reader.skipValue()
    switch kind {
    case .null: return
    case .object where range.count <= RequestLimits.context: context = JSONText(wellFormed: Array(reader.bytes[range]))
    case .object:
      note(.invalid("context", "must take at most \(RequestLimits.context) bytes", at: place, in: reader))
    default: note(.invalid("context", "must be an object; it is \(kind)", at: place, in: reader))
    }
  }

  private mutating func text(
    _ label: String,
    _ lengths: ClosedRange<Int>,
    isIdentifier: Bool,
    from reader: inout JSONReader
  ) throws(JSONFault) -> String? {
    let (kind, place) = try next(in: &reader)
    guard kind == .string else {
      try reader.skipValue()
      if kind != .null { note(.invalid(label, "must be a string; it is \(kind)", at: place, in: reader)) }
      return nil
    }
    let string = try reader.readString()
    let text = reader.text(string)
    guard RequestLimits.isWithin(text, lengths) else {
      let fix = "must have \(lengths.lowerBound) to \(lengths.upperBound) characters"
      note(.invalid(label, fix, at: place, in: reader))
      return nil
    }
    // Without an escape there is none, for JSON forbids them.
    guard !isIdentifier || !string.isEscaped || !RequestLimits.hasControlCharacters(text) else {
      note(.invalid(label, "must have no control characters", at: place, in: reader))
      return nil
    }
    return text
  }

  /// The kind of the next value and where it stands.
  func next(in reader: inout JSONReader) throws(JSONFault) -> (kind: JSONKind, place: Int) {
    let kind = try reader.peekKind()
    return (kind, reader.position)
  }

  private static func originMember(
    _ name: JSONString,
    in reader: JSONReader
  ) -> (label: String, path: WritableKeyPath<CancelRequest.Origin, String?>)? {
    if reader.matches(name, "system") { return ("origin.system", \.system) }
    if reader.matches(name, "actor") { return ("origin.actor", \.actor) }
    if reader.matches(name, "algorithm") { return ("origin.algorithm", \.algorithm) }
    if reader.matches(name, "desk") { return ("origin.desk", \.desk) }
    return nil
  }
}

extension RequestFault {
  /// A member that must not be as it is.
  static func invalid(_ member: String, _ fix: String, at offset: Int, in reader: JSONReader) -> RequestFault {
    RequestFault(.memberInvalid, "`\(member)` (\(reader.placeDescription(of: offset))) \(fix)", member: member)
  }

  /// A member that stands twice.
  static func duplicate(_ member: String, at offset: Int, in reader: JSONReader) -> RequestFault {
    let place = reader.placeDescription(of: offset)
    return RequestFault(.duplicateMember, "`\(member)` stands again at \(place): send it once", member: member)
  }
}

extension JSONReader {
  /// The place for people.
  func placeDescription(of offset: Int) -> String {
    let place = place(of: offset)
    return "line \(place.line), column \(place.column)"
  }
}

extension RequestDraft {
  /// Reads the order id: a JSON integer or a string of decimal digits, exactly.
  mutating func readOrderID(from reader: inout JSONReader) throws(JSONFault) {
    let (kind, place) = try next(in: &reader)
    switch kind {
    case .number:
      let number = try reader.readNumber()
      // At the end of a text that broke off, digits may be missing.
      guard reader.position < reader.end else { throw reader.fault(at: reader.end, expected: "`,` or `}`") }
      guard number.isInteger else {
        return note(.orderID("has a fraction or an exponent", at: place, in: reader))
      }
      guard let value = reader.int64(number) else {
        return note(.orderID("exceeds 64 bits", at: place, in: reader))
      }
      take(value, at: place, in: reader)
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
      take(value, at: place, in: reader)
    case .null:
      try reader.readNull()
      note(.orderIDMissing("is null"))
    default:
      try reader.skipValue()
      note(.orderID("is \(kind)", at: place, in: reader))
    }
  }

  private mutating func take(_ value: Int64, at place: Int, in reader: JSONReader) {
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
