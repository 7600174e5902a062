import CancelContract
import FoundationEssentials

/// An order's state, as its records on the ledger topic hold it.
///
/// Layout, version 1: a version byte, a kind byte, then the kind's members as `ByteWriter` writes them. A change of
/// layout takes a new version; a worker that meets a version it doesn't know stops.
enum LedgerRecord: Sendable {
  /// Requests that wait for their answer, and the calls that were sent for them.
  case open(OpenState)
  /// An outcome that answers duplicates.
  case settled(SettledOutcome)
  /// Nothing but calls whose quota slots are still held.
  case calls([Send])
  /// More requests of an order that is open.
  case more([OpenRequest])

  static let version: UInt8 = 1
  static let headerLength = 2

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
    var writer = ByteWriter(capacity: capacity)
    writer.byte(LedgerRecord.version)
    writer.byte(kind.rawValue)
    switch self {
    case .open(let state): writer.open(state)
    case .settled(let settled): writer.settled(settled)
    case .calls(let sends): writer.sends(sends)
    case .more(let requests): writer.requests(requests[...])
    }
    return writer.bytes
  }

  init(decoding bytes: [UInt8]) throws(LedgerError) {
    var reader = ByteReader(bytes)
    switch try LedgerRecord.kind(&reader) {
    case .open: self = .open(try reader.open())
    case .settled: self = .settled(try reader.settled())
    case .calls: self = .calls(try reader.sends())
    case .more: self = .more(try reader.requests())
    }
    guard reader.isAtEnd else { throw .malformed("more bytes follow the record's end", at: reader.position) }
  }

  static func kind(_ reader: inout ByteReader) throws(LedgerError) -> Kind {
    let version = try reader.byte()
    guard version <= LedgerRecord.version else { throw .newerVersion(version) }
    guard version == LedgerRecord.version else { throw .malformed("the version is 0", at: 0) }
    guard let kind = Kind(rawValue: try reader.byte()) else { throw .malformed("the kind is unknown", at: 1) }
    return kind
  }

  private var capacity: Int {
    switch self {
    case .open(let state):
      64 + (state.lastFault?.utf8.count ?? 0) + 30 * (state.sends.count + state.earlierSends.count)
        + state.requests.reduce(0) { $0 + $1.largestEncodedSize }
    case .settled(let settled):
      52 + 30 * (settled.sends.count + settled.earlierSends.count) + (settled.problem?.json.utf8.count ?? 0)
        + max(0, settled.cancelID.utf8.count - 36) + max(0, (settled.token?.utf8.count ?? 0) - 36)
    case .calls(let sends): 8 + 30 * sends.count
    case .more(let requests): 16 + requests.reduce(0) { $0 + $1.largestEncodedSize }
    }
  }
}
