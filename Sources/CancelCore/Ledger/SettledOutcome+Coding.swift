import CancelContract
import FoundationEssentials

extension ByteWriter {
  mutating func settled(_ settled: SettledOutcome) {
    fixed(settled.until.microseconds)
    byte(settled.outcome.rawValue)
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
      byte((send.holdsSlot ? 1 : 0) | (send.answeredAt == nil ? 0 : 2))
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

  private mutating func outcome() throws(LedgerError) -> CancelOutcome {
    guard let outcome = CancelOutcome(rawValue: try byte()) else {
      throw .malformed("the outcome is unknown", at: position - 1)
    }
    return outcome
  }
}
