import CancelContract

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

extension ByteSink {
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
