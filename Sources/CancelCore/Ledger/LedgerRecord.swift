import CancelContract
import FoundationEssentials

/// The layouts of ledger records, oldest first.
///
/// A change of layout adds a case, and the readers that it concerns ask `ByteReader.version`. No case is ever removed:
/// a worker reads every older version, for a compacted ledger holds records of all of them. It stops at a newer one.
enum LedgerVersion: UInt8, CaseIterable, Comparable {
  case one = 1
  /// Adds `venue` to a request, behind its context.
  case two = 2
  /// Adds to a request, behind its venue, the campaign's size, the wish for a confirmation, the sweep that made it and
  /// whether it is answered; and the records of sweeps, switches, campaigns and confirmations.
  case three = 3

  /// The version in which records are written.
  static let current = LedgerVersion.three

  static func < (left: LedgerVersion, right: LedgerVersion) -> Bool { left.rawValue < right.rawValue }
}

/// One record of the ledger topic: an order's state, or one of what is kept beside the orders.
///
/// Layout: a byte with the version, a byte with the kind, then the kind's members as a `ByteSink` takes them.
enum LedgerRecord: Hashable, Sendable {
  /// Requests that wait for their answer, and the calls that were sent for them.
  case open(OpenState)
  /// An outcome that answers duplicates.
  case settled(SettledOutcome)
  /// Nothing but calls whose quota slots are still held.
  case calls([Send])
  /// More requests of an order that is open.
  case more([OpenRequest])
  /// A sweep that is under way.
  case sweep(SweepRecord)
  /// A dead-man's switch that is armed.
  case deadMansSwitch(SwitchRecord)
  /// That a sweep has answered for an order, and how.
  case mark(CancelOutcome)
  /// An accepted cancel whose effect is still to be confirmed.
  case confirmation(ConfirmationRecord)
  /// What is published of a campaign.
  case campaign(CampaignTally)

  enum Kind: UInt8 {
    case open = 1
    case settled = 2
    case calls = 3
    case more = 4
    case sweep = 5
    case deadMansSwitch = 6
    case mark = 7
    case confirmation = 8
    case campaign = 9
  }

  var kind: Kind {
    switch self {
    case .open: .open
    case .settled: .settled
    case .calls: .calls
    case .more: .more
    case .sweep: .sweep
    case .deadMansSwitch: .deadMansSwitch
    case .mark: .mark
    case .confirmation: .confirmation
    case .campaign: .campaign
    }
  }

  func encoded() -> [UInt8] {
    var counter = ByteCounter()
    write(to: &counter)
    // Exactly so many: a day's settled orders stay in memory as these bytes.
    var writer = ByteWriter(capacity: counter.count)
    write(to: &writer)
    return writer.bytes
  }

  private func write(to sink: inout some ByteSink) {
    sink.byte(LedgerVersion.current.rawValue)
    sink.byte(kind.rawValue)
    switch self {
    case .open(let state): sink.open(state)
    case .settled(let settled): sink.settled(settled)
    case .calls(let sends): sink.sends(sends)
    case .more(let requests): sink.requests(requests[...])
    case .sweep(let record): sink.sweep(record)
    case .deadMansSwitch(let record): sink.deadMansSwitch(record)
    case .mark(let outcome): sink.byte(outcome.rawValue)
    case .confirmation(let record): sink.confirmation(record)
    case .campaign(let tally): sink.campaign(tally)
    }
  }

  init(decoding bytes: [UInt8]) throws(LedgerError) {
    var reader = try ByteReader(record: bytes)
    switch try reader.kind() {
    case .open: self = .open(try reader.open())
    case .settled: self = .settled(try reader.settled())
    case .calls: self = .calls(try reader.sends())
    case .more: self = .more(try reader.requests())
    case .sweep: self = .sweep(try reader.sweep())
    case .deadMansSwitch: self = .deadMansSwitch(try reader.deadMansSwitch())
    case .mark: self = .mark(try reader.outcome())
    case .confirmation: self = .confirmation(try reader.confirmation())
    case .campaign: self = .campaign(try reader.campaign())
    }
    guard reader.isAtEnd else { throw .malformed("more bytes follow the record's end", at: reader.position) }
  }
}

extension ByteReader {
  /// A reader of the record's members, behind its version.
  init(record bytes: [UInt8]) throws(LedgerError) {
    guard let number = bytes.first else { throw .truncated(at: 0) }
    guard let version = LedgerVersion(rawValue: number) else {
      throw number == 0 ? .malformed("the version is 0", at: 0) : .newerVersion(number)
    }
    self.init(bytes, from: 1, version: version)
  }

  mutating func kind() throws(LedgerError) -> LedgerRecord.Kind {
    guard let kind = LedgerRecord.Kind(rawValue: try byte()) else { throw .malformed("the kind is unknown", at: 1) }
    return kind
  }
}

/// A ledger record that can't be read. The worker stops on one: guessing at an order's state could lose its requests
/// or cancel it again.
public enum LedgerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The record was written by a newer version of the worker.
  case newerVersion(UInt8)
  /// The record ends too soon.
  case truncated(at: Int)
  /// The record's bytes are not in the layout.
  case malformed(String, at: Int)
  /// The record's key is none of those that `LedgerKey` has.
  case malformedKey(String)

  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .newerVersion(let version):
      """
      the record has version \(version), and this worker reads up to \(LedgerVersion.current.rawValue): \
      a newer worker wrote it; run that version or a later one
      """
    case .truncated(let position):
      "the record ends at byte \(position), too soon: is the ledger topic written by something else?"
    case .malformed(let what, let position):
      "\(what) at byte \(position): is the ledger topic written by something else?"
    case .malformedKey(let key):
      "the key '\(key)' is none of a ledger's, such as 'orderId@account': is the ledger topic written by something else?"
    }
  }
}
