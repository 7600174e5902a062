import CancelContract
import FoundationEssentials

/// An order's whole state, as its record on the ledger topic holds it.
///
/// Layout, version 1: a version byte, a kind byte, then the kind's members as `ByteWriter` writes them. A change of
/// layout takes a new version; a worker that meets a version it doesn't know stops.
enum LedgerRecord: Sendable {
  /// Requests that wait for their answer.
  case open(OpenOrder)
  /// An outcome that answers duplicates.
  case settled(SettledOutcome)
  /// Nothing but calls whose quota slots are still held.
  case calls([Send], until: Timestamp)

  static let version: UInt8 = 1
  static let headerLength = 2

  private enum Kind: UInt8 {
    case open = 1
    case settled = 2
    case calls = 3
  }

  func encoded() -> [UInt8] {
    switch self {
    case .open(let order):
      var writer = ByteWriter(capacity: 256)
      writer.byte(LedgerRecord.version)
      writer.byte(Kind.open.rawValue)
      writer.open(order)
      return writer.bytes
    case .settled(let settled):
      var writer = ByteWriter(capacity: 96 + settled.cancelID.utf8.count)
      writer.byte(LedgerRecord.version)
      writer.byte(Kind.settled.rawValue)
      writer.settled(settled)
      return writer.bytes
    case .calls(let sends, let until):
      var writer = ByteWriter(capacity: 16 + 34 * sends.count)
      writer.byte(LedgerRecord.version)
      writer.byte(Kind.calls.rawValue)
      writer.fixed(until.microseconds)
      writer.sends(sends)
      return writer.bytes
    }
  }

  init(decoding bytes: [UInt8]) throws(LedgerError) {
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version <= LedgerRecord.version else { throw .newerVersion(version) }
    guard version == LedgerRecord.version else { throw .malformed("the version is 0", at: 0) }
    guard let kind = Kind(rawValue: try reader.byte()) else { throw .malformed("the kind is unknown", at: 1) }
    switch kind {
    case .open:
      self = .open(try reader.open())
    case .settled:
      self = .settled(try reader.settled())
    case .calls:
      let until = Timestamp(microseconds: try reader.fixed())
      self = .calls(try reader.sends(), until: until)
    }
    guard reader.isAtEnd else { throw .malformed("more bytes follow the record's end", at: reader.position) }
  }
}
