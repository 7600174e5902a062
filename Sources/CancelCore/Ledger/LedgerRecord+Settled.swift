import CancelContract
import FoundationEssentials

extension ByteWriter {
  mutating func settled(_ settled: SettledOutcome) {
    fixed(settled.until.microseconds)
    byte(settled.outcome.rawValue)
    string(settled.cancelID)
    token(settled.token)
    optional(settled.problem) { $0.blob($1.json.utf8) }
    count(settled.httpStatus ?? 0)
    count(settled.attempts)
    sends(settled.sends)
  }

  mutating func sends(_ sends: [Send]) {
    count(sends.count)
    for send in sends {
      uuid(send.requestID)
      fixed(send.sentAt.microseconds)
      bool(send.holdsSlot)
      optional(send.answeredAt) { $0.fixed($1.microseconds) }
    }
  }

  /// A token is a UUID by the API's specification, and then takes 16 bytes; any other text is kept as it is.
  private mutating func token(_ token: String?) {
    if let token {
      if let parsed = UUID(uuidString: token), parsed.uuidString.lowercased() == token {
        byte(2)
        uuid(parsed)
      } else {
        byte(1)
        string(token)
      }
    } else {
      byte(0)
    }
  }
}

extension ByteReader {
  mutating func settled() throws(LedgerError) -> SettledOutcome {
    let until = Timestamp(microseconds: try fixed())
    guard let outcome = CancelOutcome(rawValue: try byte()) else {
      throw .malformed("the outcome is unknown", at: position - 1)
    }
    let cancelID = try string()
    let token = try token()
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
      sends: try sends()
    )
  }

  mutating func sends() throws(LedgerError) -> [Send] {
    let number = try elementCount()
    var sends: [Send] = []
    sends.reserveCapacity(number)
    for _ in 0..<number {
      let requestID = try uuid()
      let sentAt = Timestamp(microseconds: try fixed())
      let holdsSlot = try bool()
      let answeredAt = try optional { (reader) throws(LedgerError) in Timestamp(microseconds: try reader.fixed()) }
      sends.append(Send(requestID: requestID, sentAt: sentAt, answeredAt: answeredAt, holdsSlot: holdsSlot))
    }
    return sends
  }

  private mutating func token() throws(LedgerError) -> String? {
    switch try byte() {
    case 0: return nil
    case 1: return try string()
    case 2: return try uuid().uuidString.lowercased()
    default: throw .malformed("the token's form is unknown", at: position - 1)
    }
  }
}
