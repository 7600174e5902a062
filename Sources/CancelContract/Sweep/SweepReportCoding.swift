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
