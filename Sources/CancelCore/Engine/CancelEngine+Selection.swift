import CancelContract

/// The split of what has gathered, where it is more than one batch is to hold.
///
/// A position stands for everything before it: each request is answered, or open in the ledger. So what is left for the
/// next batch holds the position back, unless its requests lie before the committed position, where the ledger has them
/// as open. And what goes lies before the position, or a reader of the log would answer it again.
///
/// The requests since the committed position are looked at in their order, and no further than the batch reaches: a split
/// costs as much as its batch and the results that wait, however many changed orders wait beside them. Results go in the
/// order in which they were known, before the states of orders that only wait: else the states of one partition's backlog
/// would hold up everybody's results.
extension CancelEngine {
  /// Moves into a batch what goes first: kill-switches that the ledger knows as open, then what lets the positions move
  /// on, then the rest.
  ///
  /// - Returns: the things that are not orders and whose records go, by partition.
  mutating func moveSelection(limit: Int, into batch: inout CommitBatch) -> [Int32: [LedgerSubject]] {
    if let walks = walksWithAllResults(limit: limit) {
      moveAllResults(walks, into: &batch)
      return [:]
    }
    let waiting = waitingResults()
    var selection = Selection(limit: limit)
    let positions = select(waiting, into: &selection)
    moveResults(selection, waiting, into: &batch)

    var going: [Int32: [OrderKey]] = [:]
    var subjects: [Int32: Set<LedgerSubject>] = [:]
    for unit in selection.units {
      switch unit {
      case .order(let ref):
        if partitions[ref.partition].changed.remove(ref.key) { going[ref.partition, default: []].append(ref.key) }
      case .subject(let subject, let number): subjects[number, default: []].insert(subject)
      case .message: break
      }
    }
    if !confirmed.isEmpty {
      let written = going.mapValues { Set($0) }
      batch.confirmed = confirmed.filter { written[$0.ref.partition]?.contains($0.ref.key) == true }
      confirmed.removeAll { written[$0.ref.partition]?.contains($0.ref.key) == true }
    }
    return moveRecords(going, subjects, positions, into: &batch)
  }

  /// Moves the records of these orders and other things into the batch, which has its results, and the positions.
  ///
  /// - Returns: the things that are not orders and whose records go, by partition.
  private mutating func moveRecords(
    _ going: [Int32: [OrderKey]], _ subjects: [Int32: Set<LedgerSubject>], _ positions: [Int32: Int64?],
    into batch: inout CommitBatch
  ) -> [Int32: [LedgerSubject]] {
    let (withResults, withMoreResults) = (batch.results.partitions, results.partitions)
    var drained: [Int32: [LedgerSubject]] = [:]
    var numbers: [Int32] = []
    swap(&numbers, &uncommittedPartitions)
    for number in numbers {
      partitions[number].isInCommitList = false
      let ofSubjects = partitions[number].annex.drain(subjects[number] ?? [])
      if !ofSubjects.isEmpty { drained[number] = ofSubjects }
      let position = positions[number] ?? nil
      let goes = going[number] != nil || withResults.contains(number) || !ofSubjects.isEmpty
      let hasMore =
        !partitions[number].changed.isEmpty || !partitions[number].annex.changed.isEmpty
        || withMoreResults.contains(number) || position != partitions[number].position
      // One of which nothing but the position is to be committed goes at once.
      if goes || !hasMore { moveChanges(going[number] ?? [], ofSubjects, of: number, position: position, into: &batch) }
      if hasMore { scheduleCommit(number) }
    }
    return drained
  }

  /// Finds the states that have room beside all results; `nil` where not all results have room, nothing has, or something
  /// waits that is no single order's. Usually they have, and only states of a backlog are left: then nothing has to be
  /// weighed.
  ///
  /// - Returns: for each partition how far its requests go.
  private func walksWithAllResults(limit: Int) -> [StateWalk]? {
    var room = limit - results.count
    guard room >= 0, sweeps.isEmpty, confirmed.isEmpty, resultOrigins.allSatisfy({ $0.subject == nil }),
      uncommittedPartitions.allSatisfy({ partitions[$0].annex.changed.isEmpty })
    else { return nil }
    var lastAnswered: [Int32: Int64] = [:]
    for place in results.indices {
      let (number, offset) = (results[place].echo.source.partition, results[place].echo.source.offset)
      lastAnswered[number] = max(lastAnswered[number] ?? offset, offset)
      guard offset < partitions[number].committedPosition, let order = resultOrigins[place].order,
        partitions[number].changed.contains(order)
      else { continue }
      // The order's record goes with it, and tells of all of its requests. Those at or behind the position are met on the
      // way.
      room -= 1
      if case .open(let slot)? = partitions[number].orders[order], let last = orders[slot].lastOffset {
        lastAnswered[number] = max(lastAnswered[number] ?? last, last)
      }
    }
    var walks = uncommittedPartitions.sorted().map { StateWalk(partition: $0) }
    for index in walks.indices {
      let last = lastAnswered[walks[index].partition] ?? .min
      guard advance(&walks[index], through: last, &room) else { return nil }
    }
    for index in walks.indices { _ = advance(&walks[index], through: .max, &room) }
    // Where even the first order has no room it is to go all the same.
    return results.isEmpty && walks.allSatisfy(\.changed.isEmpty) ? nil : walks
  }

  /// Takes the states of the partition's requests up to the one at `last`, in their order, as far as they have room. The
  /// requests of one order are taken together, with all that lies between.
  ///
  /// - Returns: whether all had room.
  private func advance(_ walk: inout StateWalk, through last: Int64, _ room: inout Int) -> Bool {
    let (number, uncommitted) = (walk.partition, partitions[walk.partition].uncommitted)
    while walk.next < uncommitted.count {
      let start = uncommitted[walk.next].offset
      walk.position = start
      guard start <= last else { return true }
      var (next, end) = (walk.next, start)
      let before = walk.changed.count
      while next < uncommitted.count, uncommitted[next].offset <= end {
        if let order = uncommitted[next].order, partitions[number].changed.contains(order) {
          walk.changed.append(order)
          if case .open(let slot)? = partitions[number].orders[order], let offset = orders[slot].lastOffset {
            end = max(end, offset)
          }
        }
        next += 1
      }
      let size = walk.changed.count - before
      guard size <= room else {
        walk.changed.removeLast(size)
        return false
      }
      room -= size
      walk.next = next
    }
    walk.position = partitions[number].position
    return true
  }

  private mutating func moveAllResults(_ walks: [StateWalk], into batch: inout CommitBatch) {
    swap(&batch.results, &results)
    swap(&batch.origins, &resultOrigins)
    swap(&batch.refused, &refused)
    var going: [Int32: [OrderKey]] = [:]
    for place in batch.origins.indices {
      let number = batch.results[place].echo.source.partition
      guard let order = batch.origins[place].order, partitions[number].changed.remove(order) else { continue }
      going[number, default: []].append(order)
    }
    for walk in walks {
      for order in walk.changed where partitions[walk.partition].changed.remove(order) {
        going[walk.partition, default: []].append(order)
      }
    }
    let positions = Dictionary(uniqueKeysWithValues: walks.map { ($0.partition, $0.position) })
    _ = moveRecords(going, [:], positions, into: &batch)
  }

  private mutating func moveResults(_ selection: Selection, _ waiting: WaitingResults, into batch: inout CommitBatch) {
    var isGoing = [Bool](repeating: false, count: results.count)
    var going = 0
    for unit in selection.units {
      for place in waiting.places[unit] ?? [] {
        isGoing[place] = true
        going += 1
      }
    }
    if going == results.count {
      swap(&batch.results, &results)
      swap(&batch.origins, &resultOrigins)
    } else {
      batch.results = results.indices.filter { isGoing[$0] }.map { results[$0] }
      batch.origins = resultOrigins.indices.filter { isGoing[$0] }.map { resultOrigins[$0] }
      var kept = 0
      // Moved up, and not copied: many may wait.
      for index in results.indices where !isGoing[index] {
        results.swapAt(kept, index)
        resultOrigins.swapAt(kept, index)
        kept += 1
      }
      results.removeSubrange(kept...)
      resultOrigins.removeSubrange(kept...)
    }
    batch.refused = refused.filter { selection.contains(.message(of: $0.source)) }
    refused.removeAll { selection.contains(.message(of: $0.source)) }
  }

  /// - Returns: the position to commit of each partition that has something to commit.
  private func select(_ waiting: WaitingResults, into selection: inout Selection) -> [Int32: Int64?] {
    let numbers = uncommittedPartitions.sorted()
    var walks = numbers.map { Walk(partition: $0, partitions[$0]) }
    guard selectUrgent(waiting, into: &selection) else { return positions(walks) }
    // The results in the order in which they were known, whether the ledger has their orders or not.
    for unit in waiting.units where !selection.contains(unit) {
      guard let last = lastUncommitted(of: unit, waiting) else {
        guard selection.add([unit], size: size(of: unit, waiting)) else { break }
        continue
      }
      guard let index = walks.firstIndex(where: { $0.partition == unit.partition }) else { continue }
      selectRequests(&walks[index], through: last, waiting, into: &selection)
    }
    for index in walks.indices { selectRequests(&walks[index], through: .max, waiting, into: &selection) }
    selectKnown(waiting, into: &selection)
    return positions(walks)
  }

  private func positions(_ walks: [Walk]) -> [Int32: Int64?] {
    Dictionary(uniqueKeysWithValues: walks.map { ($0.partition, $0.position) })
  }

  /// Selects kill-switches' results, of requests that the ledger knows as open.
  ///
  /// - Returns: whether all of them have room.
  private func selectUrgent(_ waiting: WaitingResults, into selection: inout Selection) -> Bool {
    // The record of a sweep that a switch began goes before what is answered for it: else a restart would begin it
    // anew, and answer again.
    for number in uncommittedPartitions {
      for case .sweep(let offset) in partitions[number].annex.changed {
        let unit = Unit.subject(.sweep(offset), number)
        guard isKnown(unit, waiting) else { continue }
        guard selection.add([unit], size: size(of: unit, waiting)) else { return false }
      }
    }
    for unit in waiting.urgent where isKnown(unit, waiting) && !selection.contains(unit) {
      guard selection.add([unit], size: size(of: unit, waiting)) else { return false }
    }
    return true
  }

  /// Selects the partition's requests since its committed position, in their order. What belongs together may lie apart:
  /// a position behind one request of an order is behind all of them, and behind all that lies between.
  ///
  /// - Parameter last: the offset of the last request that is wanted.
  private func selectRequests(
    _ walk: inout Walk, through last: Int64, _ waiting: WaitingResults, into selection: inout Selection
  ) {
    guard !walk.isBlocked else { return }
    let (number, uncommitted) = (walk.partition, partitions[walk.partition].uncommitted)
    var group: [Unit] = []
    var members: Set<Unit> = []
    var (size, end) = (0, Int64.min)
    while walk.next < uncommitted.count {
      let (offset, order) = uncommitted[walk.next]
      guard let unit = unit(of: order, at: offset, number, waiting) else {
        walk.next += 1
        continue
      }
      if offset > end {
        guard selection.add(group, size: size) else { return walk.isBlocked = true }
        (group, members, size) = ([], [], 0)
        walk.position = offset
        if offset > last { return }
      }
      end = max(end, offset, lastUncommitted(of: unit, waiting) ?? offset)
      walk.next += 1
      guard members.insert(unit).inserted else { continue }
      group.append(unit)
      size += self.size(of: unit, waiting)
      guard selection.hasRoom(for: size) else { return walk.isBlocked = true }
    }
    guard selection.add(group, size: size) else { return walk.isBlocked = true }
    walk.position = partitions[number].position
  }

  /// Selects of the rest, which has no results, what the ledger knows as open, or is no request at all.
  private func selectKnown(_ waiting: WaitingResults, into selection: inout Selection) {
    for number in uncommittedPartitions {
      let subjects = partitions[number].annex.changed.map { Unit.subject($0, number) }
      // Those behind come to the front, as those in front of them go.
      let orders = partitions[number].changed.first(2 * selection.limit)
        .map { Unit.order(OrderRef(key: $0, partition: number)) }
      for unit in subjects + orders where isKnown(unit, waiting) && !selection.contains(unit) {
        guard selection.add([unit], size: size(of: unit, waiting)) else { return }
      }
    }
  }
}

extension CancelEngine {
  /// What can't be split.
  private enum Unit: Hashable {
    /// All that waits for one order.
    case order(OrderRef)
    /// All that waits for something that is not an order, of this partition.
    case subject(LedgerSubject, Int32)
    /// A message that could not be read as a request, at this offset of this partition.
    case message(Int64, Int32)

    static func message(of source: SourceCoordinates) -> Unit { .message(source.offset, source.partition) }

    var partition: Int32 {
      switch self {
      case .order(let ref): ref.partition
      case .subject(_, let partition), .message(_, let partition): partition
      }
    }
  }

  /// How far a partition's requests since the committed position go, where all results go.
  private struct StateWalk {
    let partition: Int32
    /// The place of the next one.
    var next = 0
    /// The position to commit, before the first that is left; `nil` where it is not known.
    var position: Int64?
    /// The orders of those that go whose records are to be written; some may stand here twice.
    var changed: [OrderKey] = []
  }

  /// How far a partition's requests since the committed position have been looked at, in their order.
  private struct Walk {
    let partition: Int32
    /// The place of the next one.
    var next = 0
    /// The position to commit: everything before it goes, or went. `nil` where it is not known.
    var position: Int64?
    /// Whether what comes next has no room.
    var isBlocked = false

    init(partition: Int32, _ ledger: PartitionLedger) {
      self.partition = partition
      position = ledger.uncommitted.first?.offset ?? ledger.position
    }
  }

  /// What goes into the batch.
  private struct Selection {
    let limit: Int
    private(set) var units: [Unit] = []
    private var members: Set<Unit> = []
    private var size = 0

    init(limit: Int) {
      self.limit = limit
    }

    func contains(_ unit: Unit) -> Bool { members.contains(unit) }

    /// Whether so many results and records more have room; where nothing is taken yet, any number has.
    func hasRoom(for more: Int) -> Bool { more == 0 || size + more <= limit || units.isEmpty }

    /// Takes these together, where they have room.
    mutating func add(_ group: [Unit], size more: Int) -> Bool {
      guard hasRoom(for: more) else { return false }
      units += group
      members.formUnion(group)
      size += more
      return true
    }
  }

  /// The results that wait, by what they belong to.
  private struct WaitingResults {
    /// What has results, in the order of the first of each.
    var units: [Unit] = []
    /// Those that have a kill-switch's.
    var urgent: [Unit] = []
    var places: [Unit: [Int]] = [:]
    /// What each uncommitted request that is answered belongs to, by partition and offset.
    var ofRequests: [Int32: [Int64: Unit]] = [:]
    /// The last uncommitted request among those that are answered.
    var last: [Unit: Int64] = [:]
  }

  private func waitingResults() -> WaitingResults {
    var waiting = WaitingResults()
    var urgent: Set<Unit> = []
    for index in results.indices {
      let (number, offset) = (results[index].source.partition, results[index].source.offset)
      let origin = resultOrigins[index]
      let unit =
        origin.subject.map { Unit.subject($0, number) }
        ?? origin.order.map { .order(OrderRef(key: $0, partition: number)) } ?? .message(offset, number)
      if waiting.places[unit]?.append(index) == nil {
        waiting.places[unit] = [index]
        waiting.units.append(unit)
      }
      if origin.priority == .killSwitch, urgent.insert(unit).inserted { waiting.urgent.append(unit) }
      // An order that a sweep found lets the sweep's own record hold the position back.
      guard !results[index].isSwept, offset >= partitions[number].committedPosition else { continue }
      waiting.ofRequests[number, default: [:]][offset] = unit
      waiting.last[unit] = max(waiting.last[unit] ?? offset, offset)
    }
    return waiting
  }

  /// What a request since the committed position belongs to; `nil` where nothing of it waits.
  private func unit(of order: OrderKey?, at offset: Int64, _ number: Int32, _ waiting: WaitingResults) -> Unit? {
    if let unit = waiting.ofRequests[number]?[offset] { return unit }
    if let order {
      return partitions[number].changed.contains(order) ? .order(OrderRef(key: order, partition: number)) : nil
    }
    return partitions[number].annex.changed.contains(.sweep(offset)) ? .subject(.sweep(offset), number) : nil
  }

  private func isKnown(_ unit: Unit, _ waiting: WaitingResults) -> Bool { lastUncommitted(of: unit, waiting) == nil }

  /// The offset of its last request that lies at or behind the committed position; `nil` where there is none.
  private func lastUncommitted(of unit: Unit, _ waiting: WaitingResults) -> Int64? {
    var last = waiting.last[unit]
    switch unit {
    case .order(let ref):
      guard partitions[ref.partition].changed.contains(ref.key),
        case .open(let slot)? = partitions[ref.partition].orders[ref.key],
        let offset = orders[slot].lastOffset, offset >= partitions[ref.partition].committedPosition
      else { return last }
      last = max(last ?? offset, offset)
    case .subject(.sweep(let offset), let number):
      if offset >= partitions[number].committedPosition, partitions[number].annex.changed.contains(.sweep(offset)) {
        last = max(last ?? offset, offset)
      }
    case .subject, .message: break
    }
    return last
  }

  /// How much of a batch it takes: its results, and its record where that is to be written.
  private func size(of unit: Unit, _ waiting: WaitingResults) -> Int {
    let isChanged =
      switch unit {
      case .order(let ref): partitions[ref.partition].changed.contains(ref.key)
      case .subject(let subject, let number): partitions[number].annex.changed.contains(subject)
      case .message: false
      }
    return (waiting.places[unit]?.count ?? 0) + (isChanged ? 1 : 0)
  }
}

extension [CancelResult] {
  /// The partitions of the requests that they answer.
  fileprivate var partitions: Set<Int32> {
    var numbers: Set<Int32> = []
    for index in indices where !numbers.contains(self[index].echo.source.partition) {
      numbers.insert(self[index].echo.source.partition)
    }
    return numbers
  }
}
