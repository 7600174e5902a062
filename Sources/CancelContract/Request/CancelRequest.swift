/// One request to cancel one order, as its sender wrote it.
public struct CancelRequest: Hashable, Sendable {
  /// Names this request in its result: the `cancelId` member, else `ce_id`, else `topic/partition/offset`.
  public var cancelID: String
  /// The order to cancel.
  public var orderID: OrderID
  /// The account that holds the order; `nil` stands for the configured default.
  public var account: AccountName?
  /// Routine unless the sender says otherwise.
  public var priority: Priority
  /// No call is sent after this; `nil` stands for the configured default.
  public var deadline: Timestamp?
  /// What the result repeats.
  public var details: RequestDetails

  /// A request with the given members.
  public init(
    cancelID: String,
    orderID: OrderID,
    account: AccountName? = nil,
    priority: Priority = .routine,
    deadline: Timestamp? = nil,
    details: RequestDetails = RequestDetails()
  ) {
    self.cancelID = cancelID
    self.orderID = orderID
    self.account = account
    self.priority = priority
    self.deadline = deadline
    self.details = details
  }
}

/// How urgent a cancel is.
public enum Priority: UInt8, Sendable, CaseIterable, Comparable {
  /// Everyday cancels.
  case routine = 0
  /// A risk engine's order to get out: overtakes everything routine.
  case killSwitch = 1

  /// The priority's name in requests and results.
  public var name: String {
    switch self {
    case .routine: "routine"
    case .killSwitch: "killSwitch"
    }
  }

  /// Whether the left priority is the less urgent one.
  @inlinable
  public static func < (left: Priority, right: Priority) -> Bool { left.rawValue < right.rawValue }
}
