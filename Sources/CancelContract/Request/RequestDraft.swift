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
