import CancelContract

extension CancelEngine {
  /// The assignments of the partitions that are owned, whether restored or not.
  public var assignments: [Assignment] { partitions.numbers.compactMap { partitions[$0].assignment } }

  /// Whether the partition is owned under this very assignment.
  public func owns(_ assignment: Assignment) -> Bool { partitions[assignment.partition].assignment == assignment }

  /// Whether the partition is owned under this assignment, and its ledger read: its requests can be received.
  public func isActive(_ assignment: Assignment) -> Bool {
    owns(assignment) && partitions[assignment.partition].phase == .active
  }

  /// The offset of the next request to read, by partition, for those of the assignments for which it is known.
  public func positions(of assignments: some Sequence<Assignment>) -> [Int32: Int64] {
    var positions: [Int32: Int64] = [:]
    for assignment in assignments where owns(assignment) {
      let number = assignment.partition
      if partitions[number].phase != .restoring { positions[number] = partitions[number].position }
    }
    return positions
  }

  /// Sends no further call for these assignments; their partitions are to be given up.
  public mutating func leave(_ assignments: some Sequence<Assignment>) {
    let leaving = Set(assignments.filter { isActive($0) }.map(\.partition))
    guard !leaving.isEmpty else { return }
    for number in leaving { partitions[number].phase = .leaving }
    for slot in orders.slots(where: { leaving.contains($0.ref.partition) }) {
      if case .inFlight = orders[slot].stage { continue }
      leaveQueue(orders[slot].stage)
      orders[slot].stage = .suspended
    }
  }

  /// Gives the assignments' partitions up: their state is dropped, and what is not committed is left to the next owner.
  public mutating func drop(_ assignments: some Sequence<Assignment>) {
    let given = Set(assignments.filter { owns($0) }.map(\.partition))
    guard !given.isEmpty else { return }
    for slot in orders.slots(where: { given.contains($0.ref.partition) }) { _ = release(slot) }
    for number in given { partitions.remove(number) }
    forgetRounds(of: given)
    uncommittedPartitions.removeAll { given.contains($0) }
    dropResults(of: given)
    notices.removeAll { given.contains($0.received.source.partition) }
  }

  /// Takes an order out of the engine, unanswered.
  mutating func release(_ slot: OrderSlot) -> OpenOrder {
    leaveQueue(orders[slot].stage)
    let order = orders.remove(slot)
    guard partitions[order.ref.partition].phase != .restoring else { return order }
    openOrders -= 1
    openRequests -= order.requests.count
    return order
  }

  /// Owns a partition from now on; nothing is decided for it until `restored`.
  ///
  /// - Parameter logEnd: the end of the partition's requests when it was assigned. For requests before it an earlier
  ///   owner may have sent a call of which its ledger tells nothing.
  public mutating func assign(_ assignment: Assignment, logEnd: Int64 = 0) {
    dropEarlier(than: assignment)
    partitions.add(assignment.partition, PartitionLedger(assignment, logEnd: logEnd))
  }

  private mutating func dropEarlier(than assignment: Assignment) {
    guard let earlier = partitions[assignment.partition].assignment else { return }
    precondition(earlier < assignment, "A partition is assigned again only under a later assignment.")
    drop([earlier])
  }

  /// Takes one record of the partition's ledger, in the order of its offsets.
  ///
  /// - Throws: a record that can't be read; the worker must not go on.
  public mutating func restore(
    _ assignment: Assignment, key: [UInt8], value: [UInt8]?, at now: Timestamp
  ) throws(LedgerError) {
    let number = assignment.partition
    guard owns(assignment), partitions[number].phase == .restoring else {
      preconditionFailure("A ledger is read only while its partition is being restored.")
    }
    // A tombstone says that there is nothing to know, whatever its key: a producer's warm-up writes one.
    guard value != nil || key.contains(UInt8(ascii: "@")) else { return }
    let orderKey: OrderKey
    let piece: Int
    switch try LedgerKey(utf8: key) {
    case .order(let orderID, let number, let account):
      orderKey = OrderKey(orderID: orderID.value, account: accounts.number(of: account))
      piece = number
    case .mark(let orderID, let sweep, let account):
      let order = OrderKey(orderID: orderID.value, account: accounts.number(of: account))
      return try partitions[number].annex.restore(
        .mark(sweep: sweep), of: order, LedgerRecord.optional(decoding: value))
    case .confirmation(let orderID, let account):
      let order = OrderKey(orderID: orderID.value, account: accounts.number(of: account))
      return try partitions[number].annex.restore(.confirmation, of: order, LedgerRecord.optional(decoding: value))
    case .sweep(let offset):
      return try partitions[number].annex.restore(.sweep(offset), LedgerRecord.optional(decoding: value))
    case .deadMansSwitch(let name):
      return try partitions[number].annex.restore(.deadMansSwitch(name), LedgerRecord.optional(decoding: value))
    case .campaign(let id):
      return try partitions[number].annex.restore(.campaign(id), LedgerRecord.optional(decoding: value))
    }
    if piece > 0 {
      let requests = try value.map { (bytes) throws(LedgerError) in try LedgerRecord.requests(decoding: bytes) }
      partitions[number].restoredPieces[orderKey, default: [:]][piece] = requests
      return
    }
    let earlier: PartitionLedger.OrderState?
    if let value {
      if let memory = try RememberedRecord.restoring(value, window: policy.quotaWindow) {
        earlier = partitions[number].restore(orderKey, memory, at: now)
      } else {
        let state = try LedgerRecord.openState(decoding: value)
        let ref = OrderRef(key: orderKey, partition: number)
        let slot = orders.insert(OpenOrder(ref: ref, restoring: state))
        earlier = partitions[number].set(orderKey, .open(slot))
      }
    } else {
      earlier = partitions[number].set(orderKey, nil)
    }
    if case .open(let slot)? = earlier { _ = orders.remove(slot) }
  }

  /// The partition's ledger was read to its end: what was open waits again, in its old order.
  ///
  /// - Parameter position: the group's committed offset, which is that of the next request to read; 0 where there is none.
  public mutating func restored(_ assignment: Assignment, position: Int64, at now: Timestamp) {
    let number = assignment.partition
    guard owns(assignment), partitions[number].phase == .restoring else {
      preconditionFailure("A partition is restored once.")
    }
    partitions[number].phase = .active
    partitions[number].position = position
    partitions[number].committed(to: position)
    partitions[number].restoredAt = now
    joinPieces(of: number, at: now)
    for at in partitions[number].expiries.keys {
      expiryTimers.insert(ExpiryTimer(at: at, assignment: assignment))
    }
    var releases: [QuotaKey: [Timestamp]] = [:]
    restoreCalls(of: number, &releases, at: now)
    let open = openOrdersByArrival(number)
    for slot in open { restoreArrival(slot, &releases, at: now) }
    for (key, times) in releases { keys[key.index].quota.restore(releases: times) }
    resumeRounds(of: number, open, at: now)
    for slot in open { reopen(slot, at: now) }
  }

  /// Goes on with the sweeps, switches, campaigns and confirmations of a partition whose ledger was read.
  private mutating func resumeRounds(of number: Int32, _ open: [OrderSlot], at now: Timestamp) {
    let annex = partitions[number].annex
    resumeCampaigns(of: number, open, at: now)
    for record in annex.sweeps.values.sorted(by: { $0.offset < $1.offset }) {
      let switchName =
        record.firedDue == nil ? nil : annex.switches.first { $0.value.received.source.offset == record.offset }?.key
      resume(record, firing: switchName, partition: number, at: now)
      for account in record.accounts {
        if let key = accounts.configuredNumber(of: account).flatMap({ accounts.quotaKey(of: $0) }) {
          waitAfterTakeover(of: number, key, at: now)
        }
      }
      if switchName != nil { markChanged(.sweep(record.offset), in: number) }
    }
    let position = partitions[number].position ?? 0
    for offset in annex.marks.keys.sorted() where annex.sweeps[offset] == nil && offset < position {
      forgetMarks(of: SweepRef(partition: number, offset: offset))
    }
    for (name, record) in annex.switches.sorted(by: { $0.key < $1.key }) {
      switchTimers.insert(SwitchTimer(at: max(record.due, now), partition: number, name: name))
    }
    resumeConfirmations(of: number, at: now)
  }

  /// Lets go of the sweeps, campaigns and confirmations of partitions that are given up. What is in flight for them is
  /// ignored when it comes.
  private mutating func forgetRounds(of numbers: Set<Int32>) {
    for ref in sweeps.keys where numbers.contains(ref.partition) { sweeps[ref] = nil }
    for (account, refs) in sweepsByAccount {
      let left = refs.filter { !numbers.contains($0.partition) }
      sweepsByAccount[account] = left.isEmpty ? nil : left
    }
    campaigns = campaigns.filter { !numbers.contains($0.key.partition) }
    confirmations = confirmations.filter { !numbers.contains($0.key.partition) }
    confirmed.removeAll { numbers.contains($0.ref.partition) }
  }

  /// Puts the requests of an order that was spread over several records together.
  mutating func joinPieces(of number: Int32, at now: Timestamp) {
    let restored = partitions[number].restoredPieces
    partitions[number].restoredPieces = [:]
    for (key, pieces) in restored.sorted(by: { $0.key < $1.key }) where !pieces.isEmpty {
      let ref = OrderRef(key: key, partition: number)
      partitions[number].extraRecords[key] = Set(pieces.keys)
      let slot: OrderSlot
      switch partitions[number].orders[key] {
      case .open(let standing): slot = standing
      case .remembered(let record):
        // Without transactions an order's own record may be ahead of the others: their requests are open still.
        slot = orders.insert(OpenOrder(ref: ref, requests: [], arrival: 0))
        orders[slot].earlierSends = record.sends.holding(window: policy.quotaWindow, at: now)
        markChanged(slot)
      case nil:
        slot = orders.insert(OpenOrder(ref: ref, requests: [], arrival: 0))
        markChanged(slot)
      }
      partitions[number].set(key, .open(slot))
      orders[slot].join(pieces, sizeLimit: policy.ledgerRecordSize)
    }
    for slot in orders.slots(where: { $0.ref.partition == number && $0.requests.isEmpty }) {
      // No worker writes an order without a request; should there be one, there is nothing to answer.
      let ref = orders.remove(slot).ref
      partitions[number].set(ref.key, nil)
      markChanged(ref)
    }
  }

  /// Finds the slots that the calls of remembered orders hold.
  mutating func restoreCalls(of number: Int32, _ releases: inout [QuotaKey: [Timestamp]], at now: Timestamp) {
    let restored = Set(partitions[number].restoredCalls)
    partitions[number].restoredCalls = []
    for key in restored {
      guard case .remembered(let record)? = partitions[number].orders[key],
        let quotaKey = accounts.quotaKey(of: key.account)
      else { continue }
      addReleases(of: record.sends, to: &releases[quotaKey, default: []], at: now)
    }
  }

  /// The partition's open orders in the order in which they arrived.
  func openOrdersByArrival(_ number: Int32) -> [OrderSlot] {
    orders.slots { $0.ref.partition == number }.sorted { left, right in
      guard let first = orders[left].requests.first?.received, let second = orders[right].requests.first?.received
      else { return false }
      return (first.receivedAt, first.source.offset) < (second.receivedAt, second.source.offset)
    }
  }

  mutating func restoreArrival(
    _ slot: OrderSlot, _ releases: inout [QuotaKey: [Timestamp]], at now: Timestamp
  ) {
    lastArrival += 1
    openOrders += 1
    openRequests += orders[slot].requests.count
    orders[slot].rank.arrival = lastArrival
    // Whatever its record says, an earlier owner may have sent a call after it was written.
    orders[slot].mayHaveEarlierCall = true
    if orders[slot].closeInterruptedCalls(at: now, callTimeout: policy.callTimeout) { markChanged(slot) }
    let ref = orders[slot].ref
    let highest = orders[slot].requests.reduce(-1) { max($0, $1.received.source.offset) }
    let restoredThrough = partitions[ref.partition].restoredThrough
    partitions[ref.partition].restoredThrough = max(restoredThrough, highest)
    guard let key = accounts.quotaKey(of: ref.key.account) else { return }
    addReleases(of: orders[slot].earlierSends + orders[slot].sends, to: &releases[key, default: []], at: now)
    waitAfterTakeover(of: ref.partition, key, at: now)
  }

  /// An earlier owner of the partition may have sent calls of the key up to its restore of which no record tells: where
  /// that is wanted, nothing goes until they have left the window.
  mutating func waitAfterTakeover(of number: Int32, _ key: QuotaKey, at now: Timestamp) {
    guard policy.afterTakeover == .wait, policy.quotaCalls > 0 else { return }
    let until = partitions[number].restoredAt + policy.quotaWindow
    if until > now { keys[key.index].quota.pause(for: until - now, at: now) }
  }

  private func addReleases(of sends: [Send], to releases: inout [Timestamp], at now: Timestamp) {
    for send in sends.holding(window: policy.quotaWindow, at: now) {
      if let answeredAt = send.answeredAt {
        // By a clock that was ahead of this one, an answer would hold its slot for longer than a window.
        releases.append(min(answeredAt, now) + policy.quotaWindow)
      }
    }
  }

  mutating func reopen(_ slot: OrderSlot, at now: Timestamp) {
    guard let key = accounts.quotaKey(of: orders[slot].ref.key.account) else {
      return failRemovedAccount(slot, at: now)
    }
    expireRequests(of: slot, at: now)
    guard orders.contains(slot) else { return }
    if let refusal = standingRefusal(of: key, at: now) { return refuse(slot, for: refusal, at: now) }
    enterQueue(slot, at: now)
    renewTimer(slot)
    planWaitCheck(slot, at: now)
  }

  /// Gives a partition up as `drop` does, and keeps its state.
  ///
  /// Calls in flight count as interrupted.
  ///
  /// - Returns: `nil`, and nothing is changed, unless the partition is restored and all of its state is committed.
  public mutating func park(_ assignment: Assignment) -> ParkedPartition? {
    let number = assignment.partition
    guard owns(assignment), partitions[number].phase != .restoring, !partitions[number].isInCommitList,
      committing?.parts.contains(where: { $0.assignment == assignment }) != true,
      !results.contains(where: { $0.source.partition == number })
    else { return nil }
    var parked = ParkedPartition(number: number, ledger: partitions[number], open: [])
    for slot in orders.slots(where: { $0.ref.partition == number }) { parked.open.append(release(slot)) }
    partitions.remove(number)
    forgetRounds(of: [number])
    notices.removeAll { $0.received.source.partition == number }
    return parked
  }

  /// Owns a partition again, with the state in which this engine parked it; the ledger's records since then may follow.
  public mutating func assign(_ assignment: Assignment, resuming parked: ParkedPartition, logEnd: Int64 = 0) {
    let number = assignment.partition
    guard parked.number == number else { preconditionFailure("A partition is resumed under its own number.") }
    dropEarlier(than: assignment)
    partitions.add(number, PartitionLedger(assignment, resuming: parked.ledger, logEnd: logEnd))
    for order in parked.open {
      if let pieces = order.pieces {
        partitions[number].restoredPieces[order.ref.key] = pieces.extras(of: order.requests)
      }
      let slot = orders.insert(OpenOrder(ref: order.ref, restoring: order.state))
      partitions[number].set(order.ref.key, .open(slot))
    }
  }

  /// How often memories that have ended are looked for.
  static let memorySweep = Duration.milliseconds(50)
  /// How many of them are looked at each time: they are in no hurry, calls are.
  private static let expiriesPerSweep = 2000

  /// Plans a look at a memory when it ends.
  mutating func planExpiry(_ ref: OrderRef, end: Timestamp, at now: Timestamp) {
    guard let at = partitions[ref.partition].plan(ref.key, end: end, at: now),
      let assignment = partitions[ref.partition].assignment
    else { return }
    expiryTimers.insert(ExpiryTimer(at: at, assignment: assignment))
  }

  /// Forgets what is remembered no longer, and has its ledger record deleted.
  mutating func expireMemories(at now: Timestamp) {
    guard let first = expiryTimers.first, first.at <= now, memoriesSweptAt + CancelEngine.memorySweep <= now else {
      return
    }
    memoriesSweptAt = now
    var rest = CancelEngine.expiriesPerSweep
    while rest > 0, let timer = expiryTimers.first, timer.at <= now {
      let number = timer.assignment.partition
      guard isActive(timer.assignment) else {
        // A partition that is given up keeps its expiries for the case that it comes back.
        expiryTimers.popFirst()
        continue
      }
      guard let key = partitions[number].expiries[timer.at]?.popLast() else {
        expiryTimers.popFirst()
        partitions[number].expiries.removeValue(forKey: timer.at)
        continue
      }
      rest -= 1
      expireMemory(OrderRef(key: key, partition: number), at: now)
    }
  }

  private mutating func expireMemory(_ ref: OrderRef, at now: Timestamp) {
    guard case .remembered(let record)? = partitions[ref.partition].orders[ref.key],
      record.end(window: policy.quotaWindow) <= now
    else { return }
    partitions[ref.partition].set(ref.key, nil)
    markChanged(ref)
  }
}

extension PartitionLedger {
  /// Takes a memory as a ledger record has it.
  ///
  /// - Returns: what was known of the order before.
  fileprivate mutating func restore(
    _ key: OrderKey, _ memory: (record: RememberedRecord, end: Timestamp, release: Timestamp), at now: Timestamp
  ) -> OrderState? {
    // The timer is set when the partition is restored.
    _ = plan(key, end: memory.end, at: now)
    if memory.release > now { restoredCalls.append(key) }
    return set(key, .remembered(memory.record))
  }
}

extension LedgerRecord {
  fileprivate static func optional(decoding bytes: [UInt8]?) throws(LedgerError) -> LedgerRecord? {
    guard let bytes else { return nil }
    return try LedgerRecord(decoding: bytes)
  }

  fileprivate static func requests(decoding bytes: [UInt8]) throws(LedgerError) -> [OpenRequest] {
    guard case .more(let requests) = try LedgerRecord(decoding: bytes) else {
      throw .malformed("a record beside an order's own holds no requests", at: 1)
    }
    return requests
  }

  fileprivate static func openState(decoding bytes: [UInt8]) throws(LedgerError) -> OpenState {
    guard case .open(let state) = try LedgerRecord(decoding: bytes) else {
      throw .malformed("an order's own record holds nothing but further requests", at: 1)
    }
    return state
  }
}

extension OpenOrder {
  /// Takes the requests of further records to those of the order's own, in the order of their arrival.
  fileprivate mutating func join(_ restored: [Int: [OpenRequest]], sizeLimit: Int) {
    var all = [(number: 0, requests: requests)]
    for (number, requests) in restored.sorted(by: { $0.key < $1.key }) { all.append((number, requests)) }
    requests = all.flatMap(\.requests)
    pieces = RequestPieces(restored: all, sizeLimit: sizeLimit)
    renewRank()
  }
}

/// A partition that was given up with nothing uncommitted: should it come back soon, only what its next owners wrote to
/// its ledger has to be read.
///
/// It is of use only to the engine that parked it.
public struct ParkedPartition: Sendable {
  /// The partition.
  public let number: Int32
  var ledger: PartitionLedger
  var open: [OpenOrder]
}

extension PartitionLedger {
  /// A partition of which further records are to be read; its open orders are to be set.
  fileprivate init(_ assignment: Assignment, resuming parked: PartitionLedger, logEnd: Int64) {
    self = parked
    self.assignment = assignment
    self.logEnd = logEnd
    phase = .restoring
    forgetPositions()
    inFlight = 0
    restoredThrough = -1
  }
}

extension RequestPieces {
  /// The requests of each record beside the order's own, by its number.
  fileprivate func extras(of requests: [OpenRequest]) -> [Int: [OpenRequest]] {
    var extras: [Int: [OpenRequest]] = [:]
    var start = 0
    for piece in pieces {
      if piece.number > 0 && piece.count > 0 { extras[piece.number] = Array(requests[start..<start + piece.count]) }
      start += piece.count
    }
    return extras
  }
}
