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

  /// The version in which records are written.
  static let current = LedgerVersion.two

  static func < (left: LedgerVersion, right: LedgerVersion) -> Bool { left.rawValue < right.rawValue }
}

/// An order's state, as its records on the ledger topic hold it.
///
/// Layout: a byte with the version, a byte with the kind, then the kind's members as a `ByteSink` takes them.
enum LedgerRecord: Sendable {
  /// Requests that wait for their answer, and the calls that were sent for them.
  case open(OpenState)
  /// An outcome that answers duplicates.
  case settled(SettledOutcome)
  /// Nothing but calls whose quota slots are still held.
  case calls([Send])
  /// More requests of an order that is open.
  case more([OpenRequest])

  enum Kind: UInt8 {
    case open = 1
    case settled = 2
    case calls = 3
    case more = 4
  }

  var kind: Kind {
    switch self {
    case .open: .open
    case .settled: .settled
    case .calls: .calls
    case .more: .more
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
    }
  }

  init(decoding bytes: [UInt8]) throws(LedgerError) {
    var reader = try ByteReader(record: bytes)
    switch try reader.kind() {
    case .open: self = .open(try reader.open())
    case .settled: self = .settled(try reader.settled())
    case .calls: self = .calls(try reader.sends())
    case .more: self = .more(try reader.requests())
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

/// The key of a record on the ledger topic, in UTF-8: `orderId@account` for an order's own record, `orderId#n@account`
/// for the n-th further piece of its requests.
///
/// Digits and the mark come before the first `@`, so that an account's name may hold any characters.
struct LedgerKey: Hashable, Sendable {
  var orderID: OrderID
  /// The number of the piece; 0 for the order's own record.
  var piece = 0
  var account: AccountName

  var utf8: [UInt8] {
    var bytes: [UInt8] = []
    let name = account.description.utf8
    bytes.reserveCapacity(32 + name.count)
    bytes.append(contentsOf: orderID.description.utf8)
    if piece > 0 {
      bytes.append(UInt8(ascii: "#"))
      bytes.append(contentsOf: piece.description.utf8)
    }
    bytes.append(UInt8(ascii: "@"))
    bytes.append(contentsOf: name)
    return bytes
  }

  init(orderID: OrderID, piece: Int = 0, account: AccountName) {
    self.orderID = orderID
    self.piece = piece
    self.account = account
  }

  init(utf8: [UInt8]) throws(LedgerError) {
    var position = 0
    guard let number = LedgerKey.number(in: utf8, &position), let orderID = OrderID(number) else {
      throw .malformedKey(utf8)
    }
    self.orderID = orderID
    if position < utf8.count, utf8[position] == UInt8(ascii: "#") {
      position += 1
      guard let piece = LedgerKey.number(in: utf8, &position), let number = Int(exactly: piece), number > 0 else {
        throw .malformedKey(utf8)
      }
      self.piece = number
    }
    guard position < utf8.count, utf8[position] == UInt8(ascii: "@"),
      let name = String(validating: utf8[(position + 1)...], as: UTF8.self)
    else { throw .malformedKey(utf8) }
    account = AccountName(name)
  }

  /// A decimal number without sign or leading zero.
  private static func number(in utf8: [UInt8], _ position: inout Int) -> Int64? {
    let start = position
    var value: Int64 = 0
    while position < utf8.count, case let digit = utf8[position] &- UInt8(ascii: "0"), digit < 10 {
      let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = product.addingReportingOverflow(Int64(digit))
      guard !tooLarge, !overflow else { return nil }
      value = sum
      position += 1
    }
    return position > start && utf8[start] != UInt8(ascii: "0") ? value : nil
  }
}

extension LedgerError {
  fileprivate static func malformedKey(_ utf8: [UInt8]) -> LedgerError {
    .malformedKey(String(decoding: utf8.prefix(80), as: UTF8.self))
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
  /// The record's key is neither `orderId@account` nor `orderId#n@account`.
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
      "the key '\(key)' is neither 'orderId@account' nor 'orderId#n@account': "
        + "is the ledger topic written by something else?"
    }
  }
}
