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
