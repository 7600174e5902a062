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
        let changed = partitions[number].drainChanged()
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
      if let position = batch.positions[number] { partitions[number].committedPosition = position }
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
    guard !orders[slot].isChanged else { return }
    orders[slot].isChanged = true
    markChanged(orders[slot].ref)
  }

  /// The record of an order is to be written.
  mutating func markChanged(_ ref: OrderRef) {
    partitions[ref.partition].changed.append(ref.key)
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

  private mutating func moveChanges(
    _ changed: [OrderKey], _ subjects: [LedgerSubject], of number: Int32, position: Int64?,
    into batch: inout CommitBatch
  ) {
    guard let assignment = partitions[number].assignment else {
      preconditionFailure("Only a partition that is owned has something to commit.")
    }
    batch.positions[number] = position
    var part = CommitBatch.Part(assignment: assignment, changed: changed, subjects: subjects)
    if partitions[number].annex.changedSides.isEmpty {
      for key in changed { write(OrderRef(key: key, partition: number), into: &batch, &part) }
    } else {
      var written: Set<OrderKey> = []
      for key in changed where written.insert(key).inserted {
        write(OrderRef(key: key, partition: number), into: &batch, &part)
        writeSides(of: key, number, into: &batch, &part)
      }
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
      // An order that stands twice among those that changed is written once.
      guard orders[slot].isChanged else { return }
      orders[slot].isChanged = false
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

/// The split of what has gathered, where it is more than one batch is to hold.
///
/// A position stands for everything before it: each request is answered, or open in the ledger. So what is left for the
/// next batch holds the position back, unless its requests lie before the committed position, where the ledger has them
/// as open. And what goes lies before the position, or a reader of the log would answer it again.
extension CancelEngine {
  /// What can't be split: all that waits for one order, or a message that could not be read.
  private struct Unit {
    var number: Int32
    var order: OrderKey?
    /// What it is where it is not an order; `nil` for a message that could not be read.
    var subject: LedgerSubject?
    /// The places of its results.
    var results: [Int] = []
    /// Whether the order's record is to be written.
    var isChanged = false
    /// The offsets of its requests that lie at or behind the committed position; `nil` where there are none.
    var uncommitted: ClosedRange<Int64>?
    var priority = Priority.routine

    var size: Int { results.count + (isChanged ? 1 : 0) }

    var isSweep: Bool { if case .sweep? = subject { true } else { false } }

    mutating func cover(_ offset: Int64, committedPosition: Int64) {
      guard offset >= committedPosition else { return }
      uncommitted = min(uncommitted?.lowerBound ?? offset, offset)...max(uncommitted?.upperBound ?? offset, offset)
    }
  }

  private mutating func moveSelection(limit: Int, into batch: inout CommitBatch) -> [Int32: [LedgerSubject]] {
    let units = gatheredUnits()
    let selected = CancelEngine.select(units, limit: limit)
    var positions: [Int32: Int64?] = [:]
    var changed: [Int32: [OrderKey]] = [:]
    var subjects: [Int32: Set<LedgerSubject>] = [:]
    var moved = Set<Int>()
    for number in uncommittedPartitions { positions[number] = partitions[number].position }
    for (index, unit) in units.enumerated() {
      if selected.contains(index) {
        moved.formUnion(unit.results)
        if unit.isChanged, let order = unit.order { changed[unit.number, default: []].append(order) }
        if let subject = unit.subject { subjects[unit.number, default: []].insert(subject) }
      } else if let first = unit.uncommitted?.lowerBound, let position = positions[unit.number] ?? nil {
        positions[unit.number] = min(position, first)
      }
    }
    let sources = Set(
      moved.filter { resultOrigins[$0].order == nil && resultOrigins[$0].subject == nil }.map { results[$0].source })
    batch.refused = refused.filter { sources.contains($0.source) }
    refused.removeAll { sources.contains($0.source) }
    (batch.results, batch.origins) = (moved.sorted().map { results[$0] }, moved.sorted().map { resultOrigins[$0] })
    let kept = results.indices.filter { !moved.contains($0) }
    (results, resultOrigins) = (kept.map { results[$0] }, kept.map { resultOrigins[$0] })
    let going = changed.mapValues { Set($0) }
    batch.confirmed = confirmed.filter { going[$0.ref.partition]?.contains($0.ref.key) == true }
    confirmed.removeAll { going[$0.ref.partition]?.contains($0.ref.key) == true }
    var drained: [Int32: [LedgerSubject]] = [:]
    let partitionsWithMore = Set(results.map(\.source.partition))
    let partitionsWithUnits = Set(units.map(\.number))
    var numbers: [Int32] = []
    swap(&numbers, &uncommittedPartitions)
    for number in numbers {
      let going = going[number] ?? []
      let left = partitions[number].drainChanged().filter { !going.contains($0) }
      drained[number] = partitions[number].annex.drain(subjects[number] ?? [])
      let hasResults = batch.results.contains { $0.source.partition == number }
      let hasSubjects = drained[number]?.isEmpty == false
      if !going.isEmpty || hasResults || hasSubjects || !partitionsWithUnits.contains(number) {
        moveChanges(
          changed[number] ?? [], drained[number] ?? [], of: number, position: positions[number] ?? nil, into: &batch)
      }
      partitions[number].changed = left
      if !left.isEmpty || !partitions[number].annex.changed.isEmpty || partitionsWithMore.contains(number)
        || batch.parts.last?.assignment.partition != number
      {
        scheduleCommit(number)
      }
    }
    return drained
  }

  private func gatheredUnits() -> [Unit] {
    var units: [Unit] = []
    var places: [OrderRef: Int] = [:]
    func place(of order: OrderKey?, in number: Int32) -> Int {
      if let order, let known = places[OrderRef(key: order, partition: number)] { return known }
      units.append(Unit(number: number, order: order))
      if let order { places[OrderRef(key: order, partition: number)] = units.count - 1 }
      return units.count - 1
    }
    var subjectPlaces: [Int32: [LedgerSubject: Int]] = [:]
    func place(of subject: LedgerSubject, in number: Int32) -> Int {
      if let known = subjectPlaces[number]?[subject] { return known }
      units.append(Unit(number: number, subject: subject))
      subjectPlaces[number, default: [:]][subject] = units.count - 1
      return units.count - 1
    }
    for index in results.indices {
      let (source, origin) = (results[index].source, resultOrigins[index])
      let unit =
        origin.subject.map { place(of: $0, in: source.partition) } ?? place(of: origin.order, in: source.partition)
      units[unit].results.append(index)
      units[unit].priority = max(units[unit].priority, origin.priority)
      // An order that a sweep found lets the sweep's own record hold the position back.
      guard !results[index].isSwept else { continue }
      units[unit].cover(source.offset, committedPosition: partitions[source.partition].committedPosition)
    }
    for number in uncommittedPartitions {
      for key in partitions[number].changed {
        let unit = place(of: key, in: number)
        units[unit].isChanged = true
        guard case .open(let slot)? = partitions[number].orders[key] else { continue }
        units[unit].priority = max(units[unit].priority, orders[slot].rank.priority)
        for request in orders[slot].requests where request.received.request.details.sweptBy == nil {
          units[unit].cover(
            request.received.source.offset, committedPosition: partitions[number].committedPosition)
        }
      }
      for subject in partitions[number].annex.changed {
        let unit = place(of: subject, in: number)
        units[unit].isChanged = true
        guard case .sweep(let offset) = subject else { continue }
        units[unit].priority = .killSwitch
        units[unit].cover(offset, committedPosition: partitions[number].committedPosition)
      }
    }
    return units
  }

  /// Kill-switches that the ledger knows as open, then what lets the positions move on, then the rest.
  private static func select(_ units: [Unit], limit: Int) -> Set<Int> {
    var selected: Set<Int> = []
    var size = 0
    /// Takes these together where there is room for them, or where nothing else is taken.
    func add(_ group: [Int]) -> Bool {
      let groupSize = group.reduce(0) { $0 + units[$1].size }
      guard size + groupSize <= limit || selected.isEmpty else { return false }
      selected.formUnion(group)
      size += groupSize
      return true
    }
    let known = units.indices.filter { units[$0].uncommitted == nil }
    // The record of a sweep that a switch began goes before what is answered for it: else a restart would begin it anew,
    // and answer again.
    let urgent = known.filter { units[$0].priority == .killSwitch }
    for index in urgent.filter({ units[$0].isSweep }) + urgent.filter({ !units[$0].isSweep }) {
      if !add([index]) { return selected }
    }
    for (_, indices) in Dictionary(
      grouping: units.indices.filter { units[$0].uncommitted != nil }, by: { units[$0].number }
    )
    .sorted(by: { $0.key < $1.key }) {
      for group in closedGroups(indices, of: units) where !add(group) { break }
    }
    for index in known where units[index].priority != .killSwitch { if !add([index]) { break } }
    return selected
  }

  /// Units whose offsets overlap, in ascending order: a position behind one of them is behind all of them.
  private static func closedGroups(_ indices: [Int], of units: [Unit]) -> [[Int]] {
    var groups: [[Int]] = []
    var end = Int64.min
    let ranges = indices.compactMap { index in units[index].uncommitted.map { (index: index, range: $0) } }
    for (index, range) in ranges.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
      if range.lowerBound > end || groups.isEmpty { groups.append([]) }
      groups[groups.count - 1].append(index)
      end = max(end, range.upperBound)
    }
    return groups
  }
}

extension CancelResult {
  /// Whether it is the result of an order that a sweep found; the sweep's own result names no order.
  var isSwept: Bool { orderID != nil && echo.details.sweptBy != nil }
}
