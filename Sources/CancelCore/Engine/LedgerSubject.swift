import CancelContract

/// What the ledger keeps of one thing that is not an order.
enum LedgerSubject: Hashable, Sendable {
  /// The sweep with this offset.
  case sweep(Int64)
  /// The dead-man's switch of this name.
  case deadMansSwitch(String)
  /// The campaign with this id.
  case campaign(String)
}

/// What the ledger keeps beside an order's own record, and writes together with it.
enum SideRecord: Hashable, Comparable, Sendable {
  /// That the sweep with this offset has answered for the order.
  case mark(sweep: Int64)
  /// That its cancel is to be confirmed.
  case confirmation
}

/// What a partition's ledger holds beside the orders: the image of those records, and which of them are not written yet.
struct LedgerAnnex: Sendable {
  var sweeps: [Int64: SweepRecord] = [:]
  var switches: [String: SwitchRecord] = [:]
  var campaigns: [String: CampaignTally] = [:]
  /// How each sweep has answered for which orders.
  var marks: [Int64: [OrderKey: CancelOutcome]] = [:]
  var confirmations: [OrderKey: ConfirmationRecord] = [:]

  /// Things whose record is not what it should be; each stands in it once.
  private(set) var changed: [LedgerSubject] = []
  /// Records beside orders that are not what they should be.
  private(set) var changedSides: [OrderKey: Set<SideRecord>] = [:]

  mutating func markChanged(_ subject: LedgerSubject) {
    if !changed.contains(subject) { changed.append(subject) }
  }

  mutating func markChanged(_ side: SideRecord, of key: OrderKey) {
    changedSides[key, default: []].insert(side)
  }

  /// Takes the things that are in `subjects` out of those that changed.
  mutating func drain(_ subjects: Set<LedgerSubject>) -> [LedgerSubject] {
    guard !changed.isEmpty else { return [] }
    let drained = changed.filter { subjects.contains($0) }
    changed.removeAll { subjects.contains($0) }
    return drained
  }

  /// Takes all things that changed.
  mutating func drain() -> [LedgerSubject] {
    defer { changed = [] }
    return changed
  }

  /// Takes the records beside an order that changed.
  mutating func drainSides(of key: OrderKey) -> Set<SideRecord> {
    guard !changedSides.isEmpty else { return [] }
    return changedSides.removeValue(forKey: key) ?? []
  }

  /// The record of a thing; `nil` for a tombstone.
  func record(of subject: LedgerSubject) -> LedgerRecord? {
    switch subject {
    case .sweep(let offset): sweeps[offset].map { .sweep($0) }
    case .deadMansSwitch(let name): switches[name].map { .deadMansSwitch($0) }
    case .campaign(let id): campaigns[id].map { .campaign($0) }
    }
  }

  /// The record beside an order; `nil` for a tombstone.
  func record(of side: SideRecord, _ key: OrderKey) -> LedgerRecord? {
    switch side {
    case .mark(let sweep): marks[sweep]?[key].map { .mark($0) }
    case .confirmation: confirmations[key].map { .confirmation($0) }
    }
  }

  /// Takes a record of the ledger that is not an order's own; `nil` for a tombstone.
  ///
  /// - Throws: a record that is of another kind than its key.
  mutating func restore(_ subject: LedgerSubject, _ record: LedgerRecord?) throws(LedgerError) {
    switch (subject, record) {
    case (.sweep(let offset), nil): sweeps[offset] = nil
    case (.sweep(let offset), .sweep(let record)): sweeps[offset] = record
    case (.deadMansSwitch(let name), nil): switches[name] = nil
    case (.deadMansSwitch(let name), .deadMansSwitch(let record)): switches[name] = record
    case (.campaign(let id), nil): campaigns[id] = nil
    case (.campaign(let id), .campaign(let tally)): campaigns[id] = tally
    default: throw .malformed("the record's kind is not its key's", at: 1)
    }
  }

  /// Takes a record beside an order; `nil` for a tombstone.
  ///
  /// - Throws: a record that is of another kind than its key.
  mutating func restore(_ side: SideRecord, of key: OrderKey, _ record: LedgerRecord?) throws(LedgerError) {
    switch (side, record) {
    case (.mark(let sweep), nil):
      marks[sweep]?[key] = nil
      if marks[sweep]?.isEmpty == true { marks[sweep] = nil }
    case (.mark(let sweep), .mark(let outcome)): marks[sweep, default: [:]][key] = outcome
    case (.confirmation, nil): confirmations[key] = nil
    case (.confirmation, .confirmation(let record)): confirmations[key] = record
    default: throw .malformed("the record's kind is not its key's", at: 1)
    }
  }
}

extension LedgerSubject {
  /// The key of its record.
  var ledgerKey: LedgerKey {
    switch self {
    case .sweep(let offset): .sweep(offset)
    case .deadMansSwitch(let name): .deadMansSwitch(name)
    case .campaign(let id): .campaign(id)
    }
  }
}

extension SideRecord {
  /// The key of the record beside this order.
  func ledgerKey(_ orderID: OrderID, _ account: AccountName) -> LedgerKey {
    switch self {
    case .mark(let sweep): .mark(orderID, sweep: sweep, account)
    case .confirmation: .confirmation(orderID, account)
    }
  }
}
