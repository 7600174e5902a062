import CancelContract

/// Where a request came from, as every record that holds one keeps it.
struct RequestArrival {
  var source: SourceCoordinates
  var producedAt: Timestamp
  var receivedAt: Timestamp
  var key: [UInt8]?
  var echoedHeaders: [RecordHeader]
}

extension ByteSink {
  /// Writes the members that results repeat, with the deadline among them as the first version had it.
  mutating func details(_ details: RequestDetails, deadline: Timestamp?) {
    optional(details.reason) { $0.string($1) }
    optional(details.origin) { writer, origin in
      for member in [origin.system, origin.actor, origin.algorithm, origin.desk] {
        writer.optional(member) { $0.string($1) }
      }
    }
    optional(details.campaignID) { $0.string($1) }
    optional(details.decidedAt) { $0.fixed($1.microseconds) }
    optional(deadline) { $0.fixed($1.microseconds) }
    optional(details.context) { $0.blob($1.utf8) }
    optional(details.venue) { $0.string($1) }
    optional(details.campaignSize) { $0.count($1) }
    bool(details.wantsConfirmation)
    optional(details.sweptBy) { $0.string($1) }
  }

  /// Writes where a request came from.
  mutating func arrival(of echo: RequestEcho, producedAt: Timestamp, receivedAt: Timestamp) {
    string(echo.source.topic)
    fixed(Int64(echo.source.partition))
    fixed(echo.source.offset)
    fixed(producedAt.microseconds)
    fixed(receivedAt.microseconds)
    optional(echo.key) { $0.blob($1) }
    count(echo.echoedHeaders.count)
    for header in echo.echoedHeaders {
      string(header.name)
      optional(header.value) { $0.blob($1) }
    }
  }
}

extension ByteReader {
  /// Reads what `details(_:deadline:)` wrote.
  mutating func details() throws(LedgerError) -> (details: RequestDetails, deadline: Timestamp?) {
    var details = RequestDetails()
    details.reason = try optionalText()
    details.origin = try optional { (reader) throws(LedgerError) in
      RequestDetails.Origin(
        system: try reader.optionalText(), actor: try reader.optionalText(), algorithm: try reader.optionalText(),
        desk: try reader.optionalText())
    }
    details.campaignID = try optionalText()
    details.decidedAt = try optionalTimestamp()
    let deadline = try optionalTimestamp()
    details.context = try optional { (reader) throws(LedgerError) in JSONText(wellFormed: try reader.blob()) }
    if version >= .two { details.venue = try optionalText() }
    if version >= .three {
      details.campaignSize = try optional { (reader) throws(LedgerError) in try reader.count() }
      details.wantsConfirmation = try bool()
      details.sweptBy = try optionalText()
    }
    return (details, deadline)
  }

  /// Reads what `arrival(of:producedAt:receivedAt:)` wrote.
  mutating func arrival() throws(LedgerError) -> RequestArrival {
    let topic = try string()
    let partition = try partition()
    let source = SourceCoordinates(topic: topic, partition: partition, offset: try fixed())
    var arrival = RequestArrival(
      source: source, producedAt: try timestamp(), receivedAt: try timestamp(), key: nil, echoedHeaders: [])
    arrival.key = try optional { (reader) throws(LedgerError) in try reader.blob() }
    for _ in 0..<(try elementCount()) {
      let name = try string()
      let value = try optional { (reader) throws(LedgerError) in try reader.blob() }
      arrival.echoedHeaders.append(RecordHeader(name: name, value: value))
    }
    return arrival
  }

  mutating func timestamp() throws(LedgerError) -> Timestamp { Timestamp(microseconds: try fixed()) }

  mutating func optionalTimestamp() throws(LedgerError) -> Timestamp? {
    try optional { (reader) throws(LedgerError) in try reader.timestamp() }
  }

  mutating func optionalText() throws(LedgerError) -> String? {
    try optional { (reader) throws(LedgerError) in try reader.string() }
  }

  /// A text that is not missing.
  mutating func requiredIdentifier() throws(LedgerError) -> String {
    guard let text = try identifier() else { throw .malformed("the request id is missing", at: position) }
    return text
  }

  mutating func priority() throws(LedgerError) -> Priority {
    guard let priority = Priority(rawValue: try byte()) else {
      throw .malformed("the priority is unknown", at: position - 1)
    }
    return priority
  }

  private mutating func partition() throws(LedgerError) -> Int32 {
    guard let partition = Int32(exactly: try fixed()) else {
      throw .malformed("the partition is out of range", at: position)
    }
    return partition
  }
}
