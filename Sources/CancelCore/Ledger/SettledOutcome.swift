import CancelContract
import FoundationEssentials

/// What the API said of an order, as it answers duplicates until `until`.
struct SettledOutcome: Hashable, Sendable {
  var until: Timestamp
  var outcome: CancelOutcome
  /// The request whose call this was.
  var cancelID: String
  var token: String?
  var problem: Problem?
  var httpStatus: Int?
  var attempts: Int
  var sends: [Send]
}

/// A settled outcome in the form in which it is remembered: its ledger record.
///
/// A day's orders are remembered, so each is one block of memory, read only when a duplicate comes.
struct RememberedOutcome: Sendable {
  let record: [UInt8]

  /// Until when it answers duplicates; the first member of the record, so that expiry needs no decoding.
  var until: Timestamp {
    var reader = ByteReader(record, from: LedgerRecord.headerLength)
    guard let microseconds = try? reader.fixed() else {
      preconditionFailure("A remembered record was decoded once before it was kept.")
    }
    return Timestamp(microseconds: microseconds)
  }

  init(_ settled: SettledOutcome) {
    record = LedgerRecord.settled(settled).encoded()
  }

  /// Keeps a record that `LedgerRecord.init(decoding:)` read as settled.
  init(decodedRecord record: [UInt8]) {
    self.record = record
  }

  var settled: SettledOutcome {
    guard case .settled(let settled) = try? LedgerRecord(decoding: record) else {
      preconditionFailure("A remembered record was encoded or decoded as settled before it was kept.")
    }
    return settled
  }
}
