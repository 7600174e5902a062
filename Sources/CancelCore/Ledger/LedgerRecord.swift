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
/// Layout: a byte with the version, a byte with the kind, then the kind's members as a `ByteWriter` takes them.
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
    [UInt8](upTo: 512) { write(to: &$0) }
  }

  private func write(to sink: inout ByteWriter) {
    sink.append(LedgerVersion.current.rawValue)
    sink.append(kind.rawValue)
    switch self {
    case .open(let state): sink.open(state)
    case .settled(let settled): sink.settled(settled)
    case .calls(let sends): sink.sends(sends)
    case .more(let requests): sink.requests(requests[...])
    case .sweep(let record): sink.sweep(record)
    case .deadMansSwitch(let record): sink.deadMansSwitch(record)
    case .mark(let outcome): sink.append(outcome.rawValue)
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

/// The key of a record on the ledger topic, in UTF-8.
///
/// | key | record |
/// |---|---|
/// | `orderId@account` | an order's own |
/// | `orderId#n@account` | the n-th further piece of its requests |
/// | `orderId!offset@account` | that the sweep with this offset has answered for it |
/// | `orderId?@account` | its confirmation |
/// | `!sweep@offset` | a sweep |
/// | `!switch@name` | a dead-man's switch |
/// | `!campaign@id` | a campaign |
///
/// Digits and marks come before the first `@`, so that an account's name may hold any characters.
enum LedgerKey: Hashable, Sendable {
  case order(OrderID, piece: Int = 0, AccountName)
  case mark(OrderID, sweep: Int64, AccountName)
  case confirmation(OrderID, AccountName)
  case sweep(Int64)
  case deadMansSwitch(String)
  case campaign(String)

  var utf8: [UInt8] {
    switch self {
    case .order(let orderID, let piece, let account):
      // Without texts in between: every order that changes has one.
      [UInt8](upTo: 64) { key in
        key.append(decimal: orderID.value)
        if piece > 0 {
          key.append(UInt8(ascii: "#"))
          key.append(decimal: Int64(piece))
        }
        key.append(UInt8(ascii: "@"))
        key.append(account.description)
      }
    case .mark(let orderID, let sweep, let account): Array("\(orderID)!\(sweep)@\(account)".utf8)
    case .confirmation(let orderID, let account): Array("\(orderID)?@\(account)".utf8)
    case .sweep(let offset): Array("!sweep@\(offset)".utf8)
    case .deadMansSwitch(let name): Array("!switch@\(name)".utf8)
    case .campaign(let id): Array("!campaign@\(id)".utf8)
    }
  }

  init(utf8: [UInt8]) throws(LedgerError) {
    guard let at = utf8.firstIndex(of: UInt8(ascii: "@")),
      let name = String(validating: utf8[(at + 1)...], as: UTF8.self)
    else { throw .malformedKey(utf8) }
    let front = utf8[..<at]
    if utf8.first == UInt8(ascii: "!") {
      switch String(decoding: front, as: UTF8.self) {
      case "!sweep":
        guard let offset = LedgerKey.number(in: utf8[(at + 1)...]) else { throw .malformedKey(utf8) }
        self = .sweep(offset)
      case "!switch": self = .deadMansSwitch(name)
      case "!campaign": self = .campaign(name)
      default: throw .malformedKey(utf8)
      }
      return
    }
    let digits = front.prefix { $0 &- UInt8(ascii: "0") < 10 }
    guard let number = LedgerKey.number(in: digits), let orderID = OrderID(number) else { throw .malformedKey(utf8) }
    let rest = front[digits.endIndex...]
    let account = AccountName(name)
    switch rest.first {
    case nil: self = .order(orderID, account)
    case UInt8(ascii: "#"):
      guard let number = LedgerKey.number(in: rest.dropFirst()), let piece = Int(exactly: number), piece > 0 else {
        throw .malformedKey(utf8)
      }
      self = .order(orderID, piece: piece, account)
    case UInt8(ascii: "!"):
      guard let offset = LedgerKey.number(in: rest.dropFirst()) else { throw .malformedKey(utf8) }
      self = .mark(orderID, sweep: offset, account)
    case UInt8(ascii: "?") where rest.count == 1: self = .confirmation(orderID, account)
    default: throw .malformedKey(utf8)
    }
  }

  /// A decimal number without sign or leading zero.
  private static func number(in digits: ArraySlice<UInt8>) -> Int64? {
    guard let first = digits.first, first != UInt8(ascii: "0") || digits.count == 1 else { return nil }
    var value: Int64 = 0
    for digit in digits {
      guard case let digit = digit &- UInt8(ascii: "0"), digit < 10 else { return nil }
      let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = product.addingReportingOverflow(Int64(digit))
      guard !tooLarge, !overflow else { return nil }
      value = sum
    }
    return value
  }
}

extension LedgerError {
  fileprivate static func malformedKey(_ utf8: [UInt8]) -> LedgerError {
    .malformedKey(String(decoding: utf8.prefix(80), as: UTF8.self))
  }
}
