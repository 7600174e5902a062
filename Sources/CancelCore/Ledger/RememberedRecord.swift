import CancelContract

/// An order that is not open, in the form in which it is remembered: its ledger record, settled or calls.
///
/// A day's orders are remembered, so each is one block of memory, read only when a duplicate comes.
struct RememberedRecord: Sendable {
  /// A record that `LedgerRecord.init(decoding:)` takes.
  let bytes: [UInt8]

  /// Remembers an outcome.
  init(_ settled: SettledOutcome) {
    bytes = LedgerRecord.settled(settled).encoded()
  }

  /// Remembers nothing but calls.
  init(calls: [Send]) {
    bytes = LedgerRecord.calls(calls).encoded()
  }

  private init(checked bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// Takes a record from the ledger as it is.
  ///
  /// - Returns: the record, when it may be forgotten, and when the last slot that its calls hold is free; `nil` where
  ///   it is of another kind.
  static func restoring(
    _ bytes: [UInt8], window: Duration
  ) throws(LedgerError) -> (record: RememberedRecord, end: Timestamp, release: Timestamp)? {
    var reader = ByteReader(bytes)
    let end: Timestamp
    let release: Timestamp
    switch try LedgerRecord.kind(&reader) {
    case .settled:
      let times = try reader.skipSettled(window: window)
      (end, release) = (max(times.until, times.release), times.release)
    case .calls:
      release = try reader.skipSends(window: window)
      end = release
    case .open, .more: return nil
    }
    guard reader.isAtEnd else { throw .malformed("more bytes follow the record's end", at: reader.position) }
    return (RememberedRecord(checked: bytes), end, release)
  }

  /// Whether it remembers an outcome.
  var isSettled: Bool { bytes[1] == LedgerRecord.Kind.settled.rawValue }

  /// The outcome, where it remembers one.
  var settled: SettledOutcome? {
    guard case .settled(let settled) = decoded else { return nil }
    return settled
  }

  /// All calls in it.
  var sends: [Send] {
    switch decoded {
    case .settled(let settled): settled.earlierSends + settled.sends
    case .calls(let sends): sends
    case .open, .more: []
    }
  }

  /// When it may be forgotten: it answers no duplicate any more, and its calls hold no slot.
  func end(window: Duration) -> Timestamp {
    var reader = ByteReader(bytes, from: LedgerRecord.headerLength)
    if isSettled, let (until, release) = try? reader.skipSettled(window: window) { return max(until, release) }
    return (try? reader.skipSends(window: window)) ?? .distantPast
  }

  private var decoded: LedgerRecord {
    guard let record = try? LedgerRecord(decoding: bytes) else {
      preconditionFailure("A remembered record was written or checked before it was kept.")
    }
    return record
  }
}
