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
  /// Why, in the sender's words.
  public var reason: String?
  /// Who asked.
  public var origin: Origin?
  /// The kill-switch pull or batch that this request is part of.
  public var campaignID: String?
  /// When the sender decided to cancel.
  public var decidedAt: Timestamp?
  /// No call is sent after this; `nil` stands for the configured default.
  public var deadline: Timestamp?
  /// A JSON object that the result repeats untouched.
  public var context: JSONText?

  /// A request with the given members.
  public init(
    cancelID: String,
    orderID: OrderID,
    account: AccountName? = nil,
    priority: Priority = .routine,
    reason: String? = nil,
    origin: Origin? = nil,
    campaignID: String? = nil,
    decidedAt: Timestamp? = nil,
    deadline: Timestamp? = nil,
    context: JSONText? = nil
  ) {
    self.cancelID = cancelID
    self.orderID = orderID
    self.account = account
    self.priority = priority
    self.reason = reason
    self.origin = origin
    self.campaignID = campaignID
    self.decidedAt = decidedAt
    self.deadline = deadline
    self.context = context
  }

  /// Who or what asked for a cancel.
  public struct Origin: Hashable, Sendable {
    /// The sending system.
    public var system: String?
    /// The person or service account.
    public var actor: String?
    /// The algorithm that decided.
    public var algorithm: String?
    /// The trading desk.
    public var desk: String?

    /// An origin with the given members.
    public init(system: String? = nil, actor: String? = nil, algorithm: String? = nil, desk: String? = nil) {
      self.system = system
      self.actor = actor
      self.algorithm = algorithm
      self.desk = desk
    }
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
