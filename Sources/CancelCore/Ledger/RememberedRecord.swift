import CancelContract
import FoundationEssentials

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

  /// Checks a record from the ledger and keeps it as it is, also in an older version.
  ///
  /// - Returns: the record, when it may be forgotten, and when the last slot that its calls hold is free; `nil` where
  ///   it is of another kind.
  static func restoring(
    _ bytes: [UInt8], window: Duration
  ) throws(LedgerError) -> (record: RememberedRecord, end: Timestamp, release: Timestamp)? {
    var reader = try ByteReader(record: bytes)
    let end: Timestamp
    let release: Timestamp
    switch try reader.kind() {
    case .settled:
      let times = try reader.skipSettled(window: window)
      (end, release) = (max(times.until, times.release), times.release)
    case .calls:
      release = try reader.skipSends(window: window)
      end = release
    case .open, .more, .sweep, .deadMansSwitch, .mark, .confirmation, .campaign: return nil
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
    case .open, .more, .sweep, .deadMansSwitch, .mark, .confirmation, .campaign: []
    }
  }

  /// When it may be forgotten: it answers no duplicate any more, and its calls hold no slot.
  func end(window: Duration) -> Timestamp {
    guard let checked = try? RememberedRecord.restoring(bytes, window: window) else {
      preconditionFailure("A remembered record was written or checked before it was kept.")
    }
    return checked.end
  }

  /// Whether there is anything in it that counts seconds at `now`: calls that hold slots, or an end that is none of an
  /// acceptance.
  func countsSeconds(window: Duration, at now: Timestamp) -> Bool {
    guard var reader = try? ByteReader(record: bytes), let kind = try? reader.kind() else { return false }
    switch kind {
    case .settled:
      var start = reader
      guard let times = try? reader.skipSettled(window: window), (try? start.fixed()) != nil,
        let outcome = try? start.outcome()
      else { return false }
      return times.release > now || (outcome != .accepted && times.until > now)
    case .calls: return ((try? reader.skipSends(window: window)) ?? .distantPast) > now
    case .open, .more, .sweep, .deadMansSwitch, .mark, .confirmation, .campaign: return false
    }
  }

  var decoded: LedgerRecord {
    guard let record = try? LedgerRecord(decoding: bytes) else {
      preconditionFailure("A remembered record was written or checked before it was kept.")
    }
    return record
  }
}

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
  /// Calls of an earlier life of the order that may still hold slots.
  var earlierSends: [Send] = []
}

extension SettledOutcome {
  /// When it may be forgotten: it answers no duplicate any more, and its calls hold no slot.
  func end(window: Duration) -> Timestamp {
    max(until, sends.release(window: window), earlierSends.release(window: window))
  }
}

/// One call to the API, as the ledger remembers it.
struct Send: Hashable, Sendable {
  var requestID: UUID
  var sentAt: Timestamp
  /// When its answer came or was given up; `nil` while in flight. Never before `sentAt`.
  var answeredAt: Timestamp?
  /// Whether it holds a slot of the quota's window until one window after `answeredAt`.
  var holdsSlot = true
}

extension Collection<Send> {
  /// Those calls whose slots are still held at `now`.
  func holding(window: Duration, at now: Timestamp) -> [Send] {
    filter { send in
      guard send.holdsSlot, let answeredAt = send.answeredAt else { return false }
      return answeredAt + window > now
    }
  }

  /// When the last slot that they hold is free; `.distantPast` where they hold none.
  func release(window: Duration) -> Timestamp {
    reduce(.distantPast) { last, send in
      guard send.holdsSlot, let answeredAt = send.answeredAt else { return last }
      return Swift.max(last, answeredAt + window)
    }
  }
}

extension ByteWriter {
  mutating func settled(_ settled: SettledOutcome) {
    fixed(settled.until.microseconds)
    append(settled.outcome.rawValue)
    identifier(settled.cancelID)
    identifier(settled.token)
    optional(settled.problem) { $0.blob($1.json.utf8) }
    count(settled.httpStatus ?? 0)
    count(settled.attempts)
    sends(settled.sends)
    sends(settled.earlierSends)
  }

  mutating func sends(_ sends: [Send]) {
    count(sends.count)
    for send in sends {
      uuid(send.requestID)
      fixed(send.sentAt.microseconds)
      append((send.holdsSlot ? 1 : 0) | (send.answeredAt == nil ? 0 : 2))
      if let answeredAt = send.answeredAt { count(Int(max(.zero, answeredAt - send.sentAt).microseconds)) }
    }
  }
}

extension ByteReader {
  mutating func settled() throws(LedgerError) -> SettledOutcome {
    let until = Timestamp(microseconds: try fixed())
    let outcome = try self.outcome()
    guard let cancelID = try identifier() else { throw .malformed("the request id is missing", at: position) }
    let token = try identifier()
    let problem = try optional { (reader) throws(LedgerError) in
      Problem(json: JSONText(wellFormed: try reader.blob()))
    }
    let httpStatus = try count()
    return SettledOutcome(
      until: until,
      outcome: outcome,
      cancelID: cancelID,
      token: token,
      problem: problem,
      httpStatus: httpStatus == 0 ? nil : httpStatus,
      attempts: try count(),
      sends: try sends(),
      earlierSends: try sends()
    )
  }

  /// Passes over what `settled` reads, and checks it as that does.
  ///
  /// - Returns: until when it is remembered, and when the last slot that its calls hold is free.
  mutating func skipSettled(window: Duration) throws(LedgerError) -> (until: Timestamp, release: Timestamp) {
    let until = Timestamp(microseconds: try fixed())
    _ = try outcome()
    let start = position
    try skipIdentifier()
    guard position > start + 1 else { throw .malformed("the request id is missing", at: position) }
    try skipIdentifier()
    if try bool() { try skipBlob() }
    _ = try count()
    _ = try count()
    let release = try skipSends(window: window)
    return (until, max(release, try skipSends(window: window)))
  }

  mutating func sends() throws(LedgerError) -> [Send] {
    let number = try elementCount()
    var sends: [Send] = []
    sends.reserveCapacity(number)
    for _ in 0..<number {
      let requestID = try uuid()
      let call = try callTimes()
      sends.append(
        Send(requestID: requestID, sentAt: call.sentAt, answeredAt: call.answeredAt, holdsSlot: call.holdsSlot))
    }
    return sends
  }

  /// Passes over what `sends` reads, and checks it as that does.
  ///
  /// - Returns: when the last slot that the calls hold is free; `.distantPast` where they hold none.
  mutating func skipSends(window: Duration) throws(LedgerError) -> Timestamp {
    var last = Timestamp.distantPast
    for _ in 0..<(try elementCount()) {
      try skip(16)
      let call = try callTimes()
      if call.holdsSlot, let answeredAt = call.answeredAt { last = max(last, answeredAt + window) }
    }
    return last
  }

  private mutating func callTimes() throws(LedgerError) -> (sentAt: Timestamp, answeredAt: Timestamp?, holdsSlot: Bool)
  {
    let sentAt = Timestamp(microseconds: try fixed())
    let flags = try byte()
    guard flags < 4 else { throw .malformed("a call's flags are unknown", at: position - 1) }
    let answeredAt = flags & 2 == 0 ? nil : sentAt + .microseconds(try count())
    return (sentAt, answeredAt, flags & 1 != 0)
  }

  mutating func outcome() throws(LedgerError) -> CancelOutcome {
    guard let outcome = CancelOutcome(rawValue: try byte()) else {
      throw .malformed("the outcome is unknown", at: position - 1)
    }
    return outcome
  }
}

/// What the ledger holds of an accepted cancel whose effect is still to be confirmed.
struct ConfirmationRecord: Hashable, Sendable {
  /// What the event repeats from the request.
  var echo: RequestEcho
  var producedAt: Timestamp
  var receivedAt: Timestamp
  /// When the API accepted the cancel.
  var acceptedAt: Timestamp
  /// Until when the order is looked up.
  var until: Timestamp
}

extension ByteWriter {
  mutating func confirmation(_ record: ConfirmationRecord) {
    identifier(record.echo.cancelID)
    details(record.echo.details, deadline: nil)
    arrival(of: record.echo, producedAt: record.producedAt, receivedAt: record.receivedAt)
    fixed(record.acceptedAt.microseconds)
    fixed(record.until.microseconds)
  }
}

extension ByteReader {
  mutating func confirmation() throws(LedgerError) -> ConfirmationRecord {
    let cancelID = try requiredIdentifier()
    let details = try details().details
    let arrival = try arrival()
    return ConfirmationRecord(
      echo: RequestEcho(
        cancelID: cancelID, source: arrival.source, key: arrival.key, echoedHeaders: arrival.echoedHeaders,
        details: details),
      producedAt: arrival.producedAt, receivedAt: arrival.receivedAt, acceptedAt: try timestamp(),
      until: try timestamp())
  }
}
