import CancelContract
import CancelCore

/// Kafka as far as a worker can tell: logs with open, committed and aborted transactions, the last stable offset,
/// control records, compaction, producers' epochs, and a group's committed offsets.
struct KafkaModel {
  enum Topic: Hashable { case results, ledger, deadLetters }

  struct Log: Hashable {
    var topic: Topic
    var partition: Int32
  }

  /// Where a request stands.
  struct Place: Hashable, Comparable {
    var partition: Int32
    var offset: Int64

    static func < (left: Place, right: Place) -> Bool {
      (left.partition, left.offset) < (right.partition, right.offset)
    }
  }

  struct Record {
    var offset: Int64
    var key: [UInt8]
    var value: [UInt8]?
    /// The transaction that it is part of; `nil` outside of any.
    var transaction: Int?
    var isControl = false
  }

  enum Decision { case open, committed, aborted }

  struct Transaction {
    var producer: String
    var epoch: Int
    var decision = Decision.open
    /// The logs that hold its records and have no marker yet.
    var unmarked: Set<Log> = []
    var offsets: [Int32: Int64] = [:]
    var hasOffsets = false
    var offsetsAreMarked = false
    var beganAt: Timestamp
  }

  struct Request {
    var value: [UInt8]
    var producedAt: Timestamp?
  }

  private(set) var requests: [Int32: [Request]] = [:]
  private(set) var logs: [Log: [Record]] = [:]
  private(set) var ends: [Log: Int64] = [:]
  private(set) var committed: [Int32: Int64] = [:]
  private(set) var transactions: [Transaction] = []
  private var epochs: [String: Int] = [:]
  private(set) var fencings = 0
  /// A committed position that moved back: its partition.
  private(set) var positionsMovedBack: [Int32] = []

  init(partitions: Int32) {
    for partition in 0..<partitions { requests[partition] = [] }
  }

  // MARK: Requests

  mutating func produce(_ request: Request, to partition: Int32) { requests[partition, default: []].append(request) }

  func logEnd(_ partition: Int32) -> Int64 { Int64(requests[partition]?.count ?? 0) }

  // MARK: Producers and transactions

  /// A producer of this transactional id begins: earlier ones are fenced, and what they left open is aborted.
  mutating func initTransactions(_ producer: String) -> Int {
    let epoch = (epochs[producer] ?? -1) + 1
    epochs[producer] = epoch
    for index in transactions.indices
    where transactions[index].producer == producer && transactions[index].decision == .open {
      transactions[index].decision = .aborted
    }
    // It returns when what the predecessor left is completed.
    for index in unmarked where transactions[index].producer == producer { while writeMarker(of: index) {} }
    return epoch
  }

  /// Whether a decided transaction of the producer lacks a marker.
  func isCompleting(_ producer: String) -> Bool { unmarked.contains { transactions[$0].producer == producer } }

  func isFenced(_ producer: String, _ epoch: Int) -> Bool { epochs[producer] != epoch }

  mutating func begin(_ producer: String, _ epoch: Int, at now: Timestamp) -> Int {
    transactions.append(Transaction(producer: producer, epoch: epoch, beganAt: now))
    return transactions.count - 1
  }

  mutating func addOffsets(_ offsets: [Int32: Int64], to transaction: Int) {
    transactions[transaction].offsets = offsets
    transactions[transaction].hasOffsets = true
  }

  mutating func append(_ key: [UInt8], _ value: [UInt8]?, to log: Log, in transaction: Int?) {
    if let transaction { transactions[transaction].unmarked.insert(log) }
    push(Record(offset: ends[log, default: 0], key: key, value: value, transaction: transaction), to: log)
  }

  private mutating func push(_ record: Record, to log: Log) {
    logs[log, default: []].append(record)
    ends[log] = record.offset + 1
  }

  /// The coordinator decides a transaction.
  ///
  /// - Returns: `false` where it was decided otherwise, or its producer was fenced.
  mutating func decide(_ transaction: Int, commit: Bool) -> Bool {
    let present = transactions[transaction]
    guard present.decision == .open, !isFenced(present.producer, present.epoch) else {
      if isFenced(present.producer, present.epoch) { fencings += 1 }
      return false
    }
    transactions[transaction].decision = commit ? .committed : .aborted
    return true
  }

  /// A transaction that stayed open for too long is aborted, and its producer's epoch with it.
  mutating func expireTransactions(olderThan age: Duration, at now: Timestamp) -> Int {
    var expired = 0
    for index in transactions.indices
    where transactions[index].decision == .open && transactions[index].beganAt + age <= now {
      transactions[index].decision = .aborted
      epochs[transactions[index].producer, default: 0] += 1
      expired += 1
    }
    return expired
  }

  /// Writes one marker of a decided transaction, if one is missing.
  ///
  /// - Returns: whether there was one.
  mutating func writeMarker(of index: Int) -> Bool {
    let transaction = transactions[index]
    guard transaction.decision != .open else { return false }
    if transaction.hasOffsets, !transaction.offsetsAreMarked {
      transactions[index].offsetsAreMarked = true
      if transaction.decision == .committed { commit(transaction.offsets) }
      return true
    }
    guard let log = transaction.unmarked.min(by: { ("\($0.topic)", $0.partition) < ("\($1.topic)", $1.partition) })
    else {
      return false
    }
    transactions[index].unmarked.remove(log)
    push(Record(offset: ends[log, default: 0], key: [], value: nil, transaction: index, isControl: true), to: log)
    return true
  }

  /// Transactions that are decided and lack a marker.
  var unmarked: [Int] {
    transactions.indices.suffix(64).filter { index in
      let transaction = transactions[index]
      return transaction.decision != .open
        && (!transaction.unmarked.isEmpty || (transaction.hasOffsets && !transaction.offsetsAreMarked))
    }
  }

  // MARK: The group's offsets

  mutating func commit(_ offsets: [Int32: Int64]) {
    for (partition, offset) in offsets {
      if offset < committed[partition] ?? 0 { positionsMovedBack.append(partition) }
      committed[partition] = offset
    }
  }

  /// Whether a transaction on the partition's offset is not resolved yet.
  func isUnstable(_ partition: Int32) -> Bool {
    transactions.suffix(64).contains { transaction in
      transaction.hasOffsets && !transaction.offsetsAreMarked && transaction.offsets[partition] != nil
    }
  }

  // MARK: Reading

  func end(of log: Log) -> Int64 { ends[log] ?? 0 }

  /// The first offset that a `read_committed` reader can't pass yet.
  func stableOffset(of log: Log) -> Int64 {
    let open = Set(transactions.indices.suffix(64).filter { transactions[$0].unmarked.contains(log) })
    return logs[log]?.first { $0.transaction.map(open.contains) ?? false }?.offset ?? end(of: log)
  }

  /// Committed records from an offset to another.
  func committedRecords(of log: Log, from first: Int64, to end: Int64) -> [Record] {
    (logs[log] ?? []).filter { record in
      guard record.offset >= first, record.offset < end, !record.isControl else { return false }
      return record.transaction.map { transactions[$0].decision == .committed } ?? true
    }
  }

  /// Drops records that a later committed one of the same key has replaced, and tombstones before `tombstonesFrom`.
  mutating func compact(_ partition: Int32, tombstonesFrom first: Int64) {
    let log = Log(topic: .ledger, partition: partition)
    let stable = stableOffset(of: log)
    var latest: [[UInt8]: Int64] = [:]
    for record in committedRecords(of: log, from: 0, to: stable) { latest[record.key] = record.offset }
    logs[log]?.removeAll { record in
      guard record.offset < stable else { return false }
      if record.isControl { return false }
      guard latest[record.key] == record.offset else { return true }
      return record.value == nil && record.offset < first
    }
  }
}
