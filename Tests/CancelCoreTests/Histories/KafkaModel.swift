import CancelContract
import CancelCore

/// A message on the requests topic.
enum RequestMessage {
  case request(CancelRequest)
  case garbage
}

/// Kafka as far as the engine meets it: requests, ledger, results and positions, changed by transactions.
struct KafkaModel {
  struct Message {
    var message: RequestMessage
    var producedAt: Timestamp
  }

  struct LedgerEntry {
    var offset: Int
    var key: [UInt8]
    var value: [UInt8]?
  }

  var requests: [Int32: [Message]] = [:]
  private(set) var ledger: [Int32: [LedgerEntry]] = [:]
  private(set) var ledgerEnd: [Int32: Int] = [:]
  private(set) var committed: [Int32: Int64] = [:]
  private(set) var published: [CancelResult] = []
  private(set) var answers: [SourceCoordinates: Int] = [:]
  private(set) var deadLetters = 0

  /// A committed transaction.
  mutating func apply(_ batch: CommitBatch) {
    for result in batch.results { publish(result) }
    deadLetters += batch.refused.count
    for entry in batch.ledger { append(entry) }
    for (partition, position) in batch.positions { committed[partition] = position }
  }

  /// What a crash leaves of a batch that was written without a transaction: results first, then the ledger, then
  /// the positions, and each of the ledger's partitions up to some record.
  mutating func applyTorn(_ batch: CommitBatch, using random: inout SplitMix64) {
    let results = Int.random(in: 0...batch.results.count + 2, using: &random)
    for result in batch.results.prefix(results) { publish(result) }
    guard results > batch.results.count else { return }
    var isWhole = true
    for partition in Set(batch.ledger.map(\.partition)).sorted() {
      let entries = batch.ledger.filter { $0.partition == partition }
      let written = Int.random(in: 0...entries.count + 2, using: &random)
      for entry in entries.prefix(written) { append(entry) }
      isWhole = isWhole && written >= entries.count
    }
    guard isWhole else { return }
    for (partition, position) in batch.positions where Bool.random(using: &random) { committed[partition] = position }
  }

  /// Drops records that a later one with the same key has replaced, and tombstones before `keepingTombstonesFrom`.
  mutating func compact(_ partition: Int32, keepingTombstonesFrom first: Int) {
    var latest: [[UInt8]: Int] = [:]
    for entry in ledger[partition] ?? [] { latest[entry.key] = entry.offset }
    ledger[partition]?.removeAll { entry in
      latest[entry.key] != entry.offset || (entry.value == nil && entry.offset < first)
    }
  }

  private mutating func publish(_ result: CancelResult) {
    published.append(result)
    answers[result.source, default: 0] += 1
  }

  private mutating func append(_ entry: CommitBatch.LedgerEntry) {
    let offset = ledgerEnd[entry.partition, default: 0]
    ledger[entry.partition, default: []].append(LedgerEntry(offset: offset, key: entry.key, value: entry.value))
    ledgerEnd[entry.partition] = offset + 1
  }
}
