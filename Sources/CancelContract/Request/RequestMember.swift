/// The members of a request.
enum RequestMember: UInt16, CaseIterable {
  case cancelID, orderID, account, priority, reason, origin, campaignID, decidedAt, deadline, context

  private static let all = allCases

  /// The member of that name.
  init?(_ name: JSONString, in reader: JSONReader) {
    for member in Self.all where reader.matches(name, member.name) {
      self = member
      return
    }
    return nil
  }

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
