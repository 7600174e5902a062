import CancelContract

/// What one transaction carries: results, dead letters, changed order states and positions, all or none.
public struct CommitBatch: Sendable {
  /// The results of requests that are answered.
  public var results: [CancelResult] = []
  /// Messages that could not be taken as requests.
  public var refused: [RefusedMessage] = []
  /// The ledger records of orders that changed.
  public var ledger: [LedgerEntry] = []
  /// The offset of the next request to read, for each partition that the batch speaks of, where it is known.
  public var positions: [Int32: Int64] = [:]

  /// What it speaks of, for the case that it is aborted.
  var parts: [Part] = []

  /// One record of the ledger topic.
  public struct LedgerEntry: Sendable {
    /// The partition, the same as the requests'.
    public var partition: Int32
    /// `orderId@account`, or `orderId#n@account` for the n-th record beside an order's own.
    public var key: [UInt8]
    /// The order's state; `nil` for a tombstone.
    public var value: [UInt8]?
  }

  /// What the batch takes from one partition.
  struct Part: Sendable {
    var partition: Int32
    /// The ownership under which it was built.
    var epoch: UInt64
    var changed: [OrderKey]
    /// The records that there may have been beside an order's own, before the batch.
    var extraRecords: [OrderKey: Set<Int>] = [:]
  }
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

  /// What has gathered, as one batch to publish; `nil` when there is nothing, or one is under way.
  ///
  /// It is followed by `committed()` or `aborted()`. Where more results have gathered than one batch is to hold, some
  /// partitions are left for the next; one partition is never split, for its position stands for all of it.
  public mutating func nextBatch() -> CommitBatch? {
    guard hasSomethingToCommit else { return nil }
    var batch = CommitBatch()
    let taken = partitionsOfNextBatch()
    if uncommittedPartitions.isEmpty {
      swap(&batch.results, &results)
      swap(&batch.refused, &refused)
    } else {
      let left = Set(uncommittedPartitions)
      batch.results = results.filter { !left.contains($0.source.partition) }
      results.removeAll { !left.contains($0.source.partition) }
      batch.refused = refused.filter { !left.contains($0.source.partition) }
      refused.removeAll { !left.contains($0.source.partition) }
    }
    for number in taken { moveChanges(of: number, into: &batch) }
    committing = batch
    return batch
  }

  /// Takes those partitions from the list that go into the next batch.
  private mutating func partitionsOfNextBatch() -> [Int32] {
    var taken: [Int32] = []
    swap(&taken, &uncommittedPartitions)
    guard results.count > policy.resultsPerCommit, taken.count > 1 else { return taken }
    var waiting: [Int32: Int] = [:]
    for result in results { waiting[result.source.partition, default: 0] += 1 }
    var size = 0
    let end = taken.firstIndex { number in
      size += waiting[number] ?? 0
      return size > policy.resultsPerCommit
    }
    uncommittedPartitions = Array(taken[max(1, end ?? taken.count)...])
    return Array(taken.prefix(max(1, end ?? taken.count)))
  }

  /// The batch under way was committed.
  public mutating func committed() {
    guard committing != nil else { preconditionFailure("Only a batch under way can be committed.") }
    committing = nil
  }

  /// The batch under way was aborted: the same results go into the next one, with the orders' states as they are then.
  public mutating func aborted() {
    guard let batch = committing else { preconditionFailure("Only a batch under way can be aborted.") }
    committing = nil
    let owned = batch.parts.filter { partitions[$0.partition].epoch == $0.epoch }
    let numbers = Set(owned.map(\.partition))
    results = batch.results.filter { numbers.contains($0.source.partition) } + results
    refused = batch.refused.filter { numbers.contains($0.source.partition) } + refused
    for part in owned {
      scheduleCommit(part.partition)
      partitions[part.partition].extraRecords.merge(part.extraRecords) { $0.union($1) }
      for key in part.changed {
        if case .open(let slot)? = partitions[part.partition].orders[key] {
          orders[slot].pieces?.markAllChanged()
          markChanged(slot)
        } else {
          markChanged(OrderRef(key: key, partition: part.partition))
        }
      }
    }
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

  mutating func scheduleCommit(_ number: Int32) {
    guard !partitions[number].isInCommitList else { return }
    partitions[number].isInCommitList = true
    uncommittedPartitions.append(number)
  }

  private mutating func moveChanges(of number: Int32, into batch: inout CommitBatch) {
    let changed = partitions[number].drainChanged()
    batch.positions[number] = partitions[number].position
    var part = CommitBatch.Part(partition: number, epoch: partitions[number].epoch, changed: changed)
    for key in changed { write(OrderRef(key: key, partition: number), into: &batch, &part) }
    batch.parts.append(part)
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

  private func write(_ value: [UInt8]?, _ ref: OrderRef, piece: Int = 0, into batch: inout CommitBatch) {
    guard let orderID = OrderID(ref.key.orderID) else {
      preconditionFailure("An order's key was made from a positive id.")
    }
    let key = LedgerKey(orderID: orderID, piece: piece, account: accounts.name(of: ref.key.account))
    batch.ledger.append(CommitBatch.LedgerEntry(partition: ref.partition, key: key.utf8, value: value))
  }
}
