import CancelContract

/// What one transaction carries: results, dead letters, changed order states and positions, all or none.
public struct CommitBatch: Sendable {
  /// The results of requests that are answered.
  public var results: [CancelResult] = []
  /// Messages that could not be taken as requests.
  public var refused: [RefusedMessage] = []
  /// The ledger records of orders and other things that changed.
  public var ledger: [LedgerEntry] = []
  /// The records of campaigns that are due.
  public var campaigns: [CampaignUpdate] = []
  /// Events about what became of orders whose cancel was accepted.
  public var confirmations: [ConfirmationEvent] { confirmed.map(\.event) }
  /// The offset of the next request to read, for each partition that the batch speaks of, where it is known.
  public var positions: [Int32: Int64] = [:]

  /// What it takes from each partition, for the case that it is aborted.
  var parts: [Part] = []
  /// For each result the order that it belongs to, and whether it goes before others.
  var origins: [ResultOrigin] = []
  /// What the ledger holds of campaigns from then on.
  var tallies: [CampaignRef: CampaignTally] = [:]
  var confirmed: [Confirmed] = []

  /// The assignments of the partitions that the batch speaks of.
  public var assignments: [Assignment] { parts.map(\.assignment) }

  /// One record of the ledger topic.
  public struct LedgerEntry: Sendable {
    /// The partition, the same as the requests'.
    public var partition: Int32
    /// What the record is about: `LedgerKey` tells the forms.
    public var key: [UInt8]
    /// The state; `nil` for a tombstone.
    public var value: [UInt8]?
  }

  /// What the batch takes from one partition.
  struct Part: Sendable {
    /// Under which it was built.
    var assignment: Assignment
    var changed: [OrderKey]
    /// Things that are not orders and changed.
    var subjects: [LedgerSubject] = []
    /// Records beside orders that changed.
    var sides: [OrderKey: Set<SideRecord>] = [:]
    /// The records that there may have been beside an order's own, before the batch.
    var extraRecords: [OrderKey: Set<Int>] = [:]
  }
}

/// Where a result comes from, as far as the split of a batch needs to know.
struct ResultOrigin: Sendable {
  /// The order; `nil` for a message that could not be read as a request.
  var order: OrderKey?
  var priority: Priority
  /// What else it belongs to; `nil` for an order's result.
  var subject: LedgerSubject?
}

/// A message that could not be taken as a request, byte for byte, on its way to the dead-letter topic.
public struct RefusedMessage: Hashable, Sendable {
  /// Where it stands.
  public var source: SourceCoordinates
  /// Its key.
  public var key: [UInt8]?
  /// Its value.
  public var value: [UInt8]?
  /// All its headers.
  public var headers: [RecordHeader]
  /// Why it was refused.
  public var problem: Problem

  /// The message at `source`, refused for `problem`.
  public init(source: SourceCoordinates, key: [UInt8]?, value: [UInt8]?, headers: [RecordHeader], problem: Problem) {
    self.source = source
    self.key = key
    self.value = value
    self.headers = headers
    self.problem = problem
  }
}

extension CancelEngine {
  /// Whether anything waits to be committed, and no batch is under way.
  public var hasSomethingToCommit: Bool {
    committing == nil && !(results.isEmpty && uncommittedPartitions.isEmpty)
  }

  /// Results that wait to be committed, without those of the batch under way.
  public var uncommittedResults: Int { results.count }

  /// Results that are not committed, with those of the batch under way.
  public var unpublishedResults: Int { results.count + (committing?.results.count ?? 0) }

  /// How many results of a sweep's orders are not committed. What is under way for an assignment that has ended counts
  /// for nothing: whatever becomes of it, nobody is told.
  func unpublishedResults(of sweep: SweepRef) -> Int {
    let belongs = { (result: CancelResult) in result.isSwept && SweepRef(result.source) == sweep }
    let waiting = results.count(where: belongs)
    guard let committing, let assignment = partitions[sweep.partition].assignment,
      committing.assignments.contains(assignment)
    else { return waiting }
    return waiting + committing.results.count(where: belongs)
  }

  /// What has gathered, as one batch to publish; `nil` when there is nothing, or one is under way.
  ///
  /// It is followed by `committed()` or `aborted()`.
  ///
  /// - Parameter limit: how many results and changed orders a batch is to hold. Where more has gathered, the results of
  ///   kill-switches go first, and what is left goes into the next batch. What belongs to one order is never split.
  public mutating func nextBatch(limit: Int = .max) -> CommitBatch? {
    precondition(limit > 0, "A batch that may hold nothing never gets anywhere.")
    guard hasSomethingToCommit else { return nil }
    var batch = CommitBatch()
    let gathered = uncommittedPartitions.reduce(results.count) {
      $0 + partitions[$1].changed.count + partitions[$1].annex.changed.count
    }
    var subjects: [Int32: [LedgerSubject]] = [:]
    if gathered <= limit {
      swap(&batch.results, &results)
      swap(&batch.origins, &resultOrigins)
      swap(&batch.refused, &refused)
      swap(&batch.confirmed, &confirmed)
      var numbers: [Int32] = []
      swap(&numbers, &uncommittedPartitions)
      for number in numbers {
        partitions[number].isInCommitList = false
        let changed = partitions[number].changed.drain()
        let drained = partitions[number].annex.drain()
        if !drained.isEmpty { subjects[number] = drained }
        moveChanges(changed, drained, of: number, position: partitions[number].position, into: &batch)
      }
    } else {
      subjects = moveSelection(limit: limit, into: &batch)
    }
    if !(campaigns.isEmpty && subjects.isEmpty) { addCampaigns(subjects, to: &batch) }
    committing = batch
    return batch
  }

  /// The batch under way was committed.
  ///
  /// - Returns: the batch.
  @discardableResult
  public mutating func committed() -> CommitBatch {
    guard let batch = committing else { preconditionFailure("Only a batch under way can be committed.") }
    committing = nil
    for part in batch.parts where owns(part.assignment) {
      let number = part.assignment.partition
      if let position = batch.positions[number] { partitions[number].committed(to: position) }
      committed(part.subjects, of: number)
    }
    guard !(sweeps.isEmpty && campaigns.isEmpty) else { return batch }
    let owned = Set(batch.parts.filter { owns($0.assignment) }.map(\.assignment.partition))
    for result in batch.results where result.isSwept && owned.contains(result.source.partition) {
      let ref = SweepRef(result.source)
      sweeps[ref]?.unpublished -= 1
      endedSweeps.append(ref)
    }
    committedCampaigns(batch, owned)
    return batch
  }

  /// The batch under way was aborted: the same results go into the next one, with the orders' states as they are then.
  public mutating func aborted() {
    guard let batch = committing else { preconditionFailure("Only a batch under way can be aborted.") }
    committing = nil
    let owned = batch.parts.filter { owns($0.assignment) }
    let numbers = Set(owned.map(\.assignment.partition))
    let kept = batch.results.indices.filter { numbers.contains(batch.results[$0].source.partition) }
    results = kept.map { batch.results[$0] } + results
    resultOrigins = kept.map { batch.origins[$0] } + resultOrigins
    refused = batch.refused.filter { numbers.contains($0.source.partition) } + refused
    confirmed = batch.confirmed.filter { numbers.contains($0.ref.partition) } + confirmed
    abortedCampaigns(batch, numbers)
    for part in owned {
      let number = part.assignment.partition
      scheduleCommit(number)
      partitions[number].extraRecords.merge(part.extraRecords) { $0.union($1) }
      for subject in part.subjects { partitions[number].annex.markChanged(subject) }
      for (key, sides) in part.sides { for side in sides { partitions[number].annex.markChanged(side, of: key) } }
      for key in part.changed {
        if case .open(let slot)? = partitions[number].orders[key] {
          orders[slot].pieces?.markAllChanged()
          markChanged(slot)
        } else {
          markChanged(OrderRef(key: key, partition: number))
        }
      }
    }
  }

  /// Keeps a result until it is published.
  mutating func append(
    _ result: consuming CancelResult, of order: OrderKey?, _ priority: Priority, subject: LedgerSubject? = nil
  ) {
    counts.results[result.outcome, default: 0] += 1
    if result.deduplicated { counts.deduplicated += 1 }
    results.append(result)
    resultOrigins.append(ResultOrigin(order: order, priority: priority, subject: subject))
  }

  /// Drops the results that are not published, of these partitions.
  mutating func dropResults(of numbers: Set<Int32>) {
    let kept = results.indices.filter { !numbers.contains(results[$0].source.partition) }
    guard kept.count < results.count else { return }
    resultOrigins = kept.map { resultOrigins[$0] }
    results = kept.map { results[$0] }
    refused.removeAll { numbers.contains($0.source.partition) }
  }

  /// The record of an open order is to be written.
  mutating func markChanged(_ slot: OrderSlot) {
    markChanged(orders[slot].ref)
  }

  /// The record of an order is to be written.
  mutating func markChanged(_ ref: OrderRef) {
    partitions[ref.partition].changed.insert(ref.key)
    scheduleCommit(ref.partition)
  }

  /// The record of something that is not an order is to be written.
  mutating func markChanged(_ subject: LedgerSubject, in number: Int32) {
    partitions[number].annex.markChanged(subject)
    scheduleCommit(number)
  }

  mutating func scheduleCommit(_ number: Int32) {
    guard !partitions[number].isInCommitList else { return }
    partitions[number].isInCommitList = true
    uncommittedPartitions.append(number)
  }

  mutating func moveChanges(
    _ changed: [OrderKey], _ subjects: [LedgerSubject], of number: Int32, position: Int64?,
    into batch: inout CommitBatch
  ) {
    guard let assignment = partitions[number].assignment else {
      preconditionFailure("Only a partition that is owned has something to commit.")
    }
    batch.positions[number] = position
    var part = CommitBatch.Part(assignment: assignment, changed: changed, subjects: subjects)
    for key in changed {
      write(OrderRef(key: key, partition: number), into: &batch, &part)
      writeSides(of: key, number, into: &batch, &part)
    }
    for subject in subjects {
      // What is kept of a campaign is written with the results that it counts, but for its end.
      if case .campaign(let id) = subject, partitions[number].annex.campaigns[id] != nil { continue }
      write(partitions[number].annex.record(of: subject), subject.ledgerKey, number, into: &batch)
    }
    batch.parts.append(part)
  }

  private mutating func writeSides(
    of key: OrderKey, _ number: Int32, into batch: inout CommitBatch, _ part: inout CommitBatch.Part
  ) {
    let sides = partitions[number].annex.drainSides(of: key)
    guard !sides.isEmpty, let orderID = OrderID(key.orderID) else { return }
    part.sides[key] = sides
    for side in sides.sorted() {
      let ledgerKey = side.ledgerKey(orderID, accounts.name(of: key.account))
      write(partitions[number].annex.record(of: side, key), ledgerKey, number, into: &batch)
    }
  }

  private func write(_ record: LedgerRecord?, _ key: LedgerKey, _ number: Int32, into batch: inout CommitBatch) {
    batch.ledger.append(CommitBatch.LedgerEntry(partition: number, key: key.utf8, value: record?.encoded()))
  }

  private mutating func write(_ ref: OrderRef, into batch: inout CommitBatch, _ part: inout CommitBatch.Part) {
    var extraNumbers: Set<Int> = []
    switch partitions[ref.partition].orders[ref.key] {
    case .open(let slot):
      write(LedgerRecord.open(orders[slot].state).encoded(), ref, into: &batch)
      guard orders[slot].pieces != nil else { break }
      for (number, range) in orders[slot].pieces?.drainChanged() ?? [] {
        write(LedgerRecord.more(Array(orders[slot].requests[range])).encoded(), ref, piece: number, into: &batch)
      }
      extraNumbers = Set(orders[slot].pieces?.extraNumbers ?? [])
    case .remembered(let record): write(record.bytes, ref, into: &batch)
    case nil: write(nil, ref, into: &batch)
    }
    let earlier = partitions[ref.partition].extraRecords[ref.key] ?? []
    guard !(earlier.isEmpty && extraNumbers.isEmpty) else { return }
    for number in earlier.subtracting(extraNumbers).sorted() { write(nil, ref, piece: number, into: &batch) }
    partitions[ref.partition].extraRecords[ref.key] = extraNumbers.isEmpty ? nil : extraNumbers
    part.extraRecords[ref.key, default: []].formUnion(earlier)
  }

  // Mutating though it changes nothing: else its callers copy the whole engine for it.
  private mutating func write(_ value: [UInt8]?, _ ref: OrderRef, piece: Int = 0, into batch: inout CommitBatch) {
    guard let orderID = OrderID(ref.key.orderID) else {
      preconditionFailure("An order's key was made from a positive id.")
    }
    let key = LedgerKey.order(orderID, piece: piece, accounts.name(of: ref.key.account))
    batch.ledger.append(CommitBatch.LedgerEntry(partition: ref.partition, key: key.utf8, value: value))
  }
}

extension CancelResult {
  /// Whether it is the result of an order that a sweep found; the sweep's own result names no order.
  var isSwept: Bool { orderID != nil && echo.details.sweptBy != nil }
}
