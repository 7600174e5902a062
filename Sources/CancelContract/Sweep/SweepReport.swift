/// What a sweep's own result tells beside its outcome.
public struct SweepReport: Hashable, Sendable {
  /// Whose orders were asked for.
  public enum Scope: String, Sendable, CaseIterable {
    /// One account's.
    case account
    /// Several accounts'.
    case all
  }

  /// What became of a dead-man's switch.
  public enum Switch: Hashable, Sendable {
    /// The sweep begins by itself at this time.
    case armed(until: Timestamp)
    /// It does not begin any more; `wasArmed` tells whether there was one to disarm.
    case disarmed(wasArmed: Bool)
    /// The sweep began by itself, for no renewal had come by `due`.
    case fired(due: Timestamp)
  }

  /// How many orders had which end.
  public struct Counts: Hashable, Sendable {
    /// Different orders that the lists held.
    public var listed = 0
    /// Orders whose result is `accepted`.
    public var accepted = 0
    /// Orders whose result is `rejected`.
    public var rejected = 0
    /// Orders whose result is `failed`.
    public var failed = 0
    /// Orders whose result is `expired`.
    public var expired = 0
    /// Orders of the last list that was read; 0 only where that list was empty.
    public var remaining = 0

    /// Nothing counted.
    public init() {}
  }

  /// An order that is left.
  public struct Order: Hashable, Sendable {
    /// The order.
    public var orderID: OrderID
    /// Its account.
    public var account: AccountName

    /// This account's order.
    public init(orderID: OrderID, account: AccountName) {
      self.orderID = orderID
      self.account = account
    }
  }

  /// At most so many orders that are left are named.
  public static let mostRemainingOrders = 100

  /// Whose orders were asked for.
  public var scope: Scope
  /// The accounts that were swept.
  public var accounts: [AccountName]
  /// How many orders had which end.
  public var counts = Counts()
  /// The orders that are left, at most `mostRemainingOrders`.
  public var remainingOrders: [Order] = []
  /// Orders in the last lists that the cancel endpoint can't cancel, by kind.
  public var notCancellable = NotCancellable()
  /// Lists that were read to their end.
  public var lists = 0
  /// Whether it only listed and counted.
  public var isDryRun = false
  /// When the cancels would have been sent, for a dry run; `nil` where nobody can tell.
  public var estimatedEnd: Timestamp?
  /// What became of the dead-man's switch; `nil` for a plain sweep.
  public var deadMansSwitch: Switch?

  /// A report of nothing yet.
  public init(scope: Scope, accounts: [AccountName]) {
    self.scope = scope
    self.accounts = accounts
  }
}

/// Orders that the cancel endpoint can't cancel, by kind.
public struct NotCancellable: Hashable, Sendable {
  /// Orders that close a position.
  public var closingOrders = 0
  /// Orders of copied portfolios.
  public var copiedOrders = 0

  /// These numbers.
  public init(closingOrders: Int = 0, copiedOrders: Int = 0) {
    self.closingOrders = closingOrders
    self.copiedOrders = copiedOrders
  }

  /// All of them.
  public var total: Int { closingOrders + copiedOrders }

  /// The sum, kind by kind.
  public static func + (left: NotCancellable, right: NotCancellable) -> NotCancellable {
    NotCancellable(
      closingOrders: left.closingOrders + right.closingOrders, copiedOrders: left.copiedOrders + right.copiedOrders)
  }
}
