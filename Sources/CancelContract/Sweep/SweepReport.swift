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

extension JSONWriter {
  /// Writes what a sweep tells of itself.
  mutating func members(of report: SweepReport) {
    member("scope", report.scope.rawValue)
    name("accounts")
    beginArray()
    for account in report.accounts { string(account.description) }
    endArray()
    name("counts")
    beginObject()
    member("listed", Int64(report.counts.listed))
    member("accepted", Int64(report.counts.accepted))
    member("rejected", Int64(report.counts.rejected))
    member("failed", Int64(report.counts.failed))
    member("expired", Int64(report.counts.expired))
    member("remaining", Int64(report.counts.remaining))
    endObject()
    name("remainingOrders")
    beginArray()
    for order in report.remainingOrders {
      beginObject()
      member("orderId", order.orderID.value)
      member("account", order.account.description)
      endObject()
    }
    endArray()
    name("notCancellable")
    beginObject()
    member("closingOrders", Int64(report.notCancellable.closingOrders))
    member("copiedOrders", Int64(report.notCancellable.copiedOrders))
    endObject()
    member("lists", Int64(report.lists))
    name("dryRun")
    boolean(report.isDryRun)
    member("estimatedEnd", report.estimatedEnd)
    name("switch")
    switch report.deadMansSwitch {
    case nil: null()
    case .armed(let until): deadMansSwitch("armed", at: until)
    case .disarmed(let wasArmed): deadMansSwitch(wasArmed ? "disarmed" : "notArmed", at: nil)
    case .fired(let due): deadMansSwitch("fired", at: due)
    }
  }

  private mutating func deadMansSwitch(_ state: String, at time: Timestamp?) {
    beginObject()
    member("state", state)
    member("due", time)
    endObject()
  }
}

extension SweepReport {
  /// Reads what a sweep's result tells; `nil` where the result is not a sweep's.
  init?(fromResult reader: EventReader) throws(UnreadableEvent) {
    guard let scope = try reader.optional("scope", { $0.string.flatMap(Scope.init(rawValue:)) }) else { return nil }
    let names = try reader.required("accounts") { value in
      value.elements.flatMap { elements in
        let names = elements.compactMap(\.string)
        return names.count == elements.count ? names : nil
      }
    }
    self.init(scope: scope, accounts: names.map { AccountName($0) })
    func count(_ path: String) throws(UnreadableEvent) -> Int {
      try reader.required(path) { $0.integer.flatMap(Int.init(exactly:)) }
    }
    counts.listed = try count("counts.listed")
    counts.accepted = try count("counts.accepted")
    counts.rejected = try count("counts.rejected")
    counts.failed = try count("counts.failed")
    counts.expired = try count("counts.expired")
    counts.remaining = try count("counts.remaining")
    remainingOrders = try reader.required("remainingOrders") { value in
      value.elements.flatMap { elements in
        let orders = elements.compactMap { element -> Order? in
          guard let orderID = element["orderId"]?.orderID, let account = element["account"]?.string else { return nil }
          return Order(orderID: orderID, account: AccountName(account))
        }
        return orders.count == elements.count ? orders : nil
      }
    }
    notCancellable = NotCancellable(
      closingOrders: try count("notCancellable.closingOrders"), copiedOrders: try count("notCancellable.copiedOrders"))
    lists = try count("lists")
    isDryRun = try reader.required("dryRun", \.boolean)
    estimatedEnd = try reader.optional("estimatedEnd", \.timestamp)
    let due = try reader.optional("switch.due", \.timestamp)
    deadMansSwitch = try reader.optional("switch.state") { state in
      switch state.string {
      case "armed": due.map { .armed(until: $0) }
      case "disarmed": .disarmed(wasArmed: true)
      case "notArmed": .disarmed(wasArmed: false)
      case "fired": due.map { .fired(due: $0) }
      default: nil
      }
    }
  }
}
