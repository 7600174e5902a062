import CancelContract
import FoundationEssentials

/// What the ledger holds of an open order.
struct OpenState: Hashable, Sendable {
  /// The requests in the order's own record; the pieces beside it hold the others.
  var requests: [OpenRequest]
  var attempts = 0
  var failures = 0
  var sends: [Send] = []
  var earlierSends: [Send] = []
  var lastHTTPStatus: Int?
  var lastFault: String?
  var outcomeUnknown = false
  var throttled = false
}

extension OpenOrder {
  /// What the order's own record is to hold.
  var state: OpenState {
    OpenState(
      requests: pieces.map { Array(requests.prefix($0.inOwnRecord)) } ?? requests,
      attempts: attempts,
      failures: failures,
      sends: sends,
      earlierSends: earlierSends,
      lastHTTPStatus: lastHTTPStatus,
      lastFault: lastFault,
      outcomeUnknown: outcomeUnknown,
      throttled: throttled
    )
  }

  /// An order as its own record holds it; its arrival is counted when its partition is restored.
  init(ref: OrderRef, restoring state: OpenState) {
    self.init(ref: ref, requests: state.requests, arrival: 0)
    attempts = state.attempts
    failures = state.failures
    sends = state.sends
    earlierSends = state.earlierSends
    lastHTTPStatus = state.lastHTTPStatus
    lastFault = state.lastFault
    outcomeUnknown = state.outcomeUnknown
    throttled = state.throttled
  }
}

extension OpenRequest {
  /// The most that the request takes in a ledger record, in bytes: what it takes now, and the growth of its count of
  /// progress events.
  var largestEncodedSize: Int {
    var request = self
    request.progressEvents = .max
    return ByteWriter.write(upTo: 512, { $0.request(request) }) { $0.count }
  }
}

extension ByteWriter {
  mutating func open(_ order: OpenState) {
    count(order.attempts)
    count(order.failures)
    count(order.lastHTTPStatus ?? 0)
    optional(order.lastFault) { $0.string($1) }
    bool(order.outcomeUnknown)
    bool(order.throttled)
    sends(order.sends)
    sends(order.earlierSends)
    requests(order.requests[...])
  }

  mutating func requests(_ requests: ArraySlice<OpenRequest>) {
    count(requests.count)
    for index in requests.indices { request(requests[index]) }
  }

  fileprivate mutating func request(_ open: OpenRequest) {
    let received = open.received
    let request = received.request
    identifier(request.cancelID)
    fixed(request.orderID.value)
    optional(request.account) { $0.string($1.description) }
    append(request.priority.rawValue)
    details(request.details, deadline: request.deadline)
    bool(open.isRepetition)
    arrival(of: received.echo, producedAt: received.producedAt, receivedAt: received.receivedAt)
    fixed(open.deadline.microseconds)
    count(Int(open.progressEvents))
  }
}

extension ByteReader {
  mutating func open() throws(LedgerError) -> OpenState {
    var order = OpenState(requests: [])
    order.attempts = try count()
    order.failures = try count()
    let httpStatus = try count()
    order.lastHTTPStatus = httpStatus == 0 ? nil : httpStatus
    order.lastFault = try optional { (reader) throws(LedgerError) in try reader.string() }
    order.outcomeUnknown = try bool()
    order.throttled = try bool()
    order.sends = try sends()
    order.earlierSends = try sends()
    order.requests = try requests()
    return order
  }

  mutating func requests() throws(LedgerError) -> [OpenRequest] {
    var requests: [OpenRequest] = []
    for _ in 0..<(try elementCount()) { requests.append(try request()) }
    return requests
  }

  private mutating func request() throws(LedgerError) -> OpenRequest {
    guard let cancelID = try identifier() else { throw .malformed("the request id is missing", at: position) }
    guard let orderID = OrderID(try fixed()) else { throw .malformed("the order id is not positive", at: position) }
    var request = CancelRequest(cancelID: cancelID, orderID: orderID)
    request.account = try optionalText().map { AccountName($0) }
    guard let priority = Priority(rawValue: try byte()) else {
      throw .malformed("the priority is unknown", at: position - 1)
    }
    request.priority = priority
    (request.details, request.deadline) = try details()
    let isRepetition = version >= .three ? try bool() : false
    let arrival = try arrival()
    let received = ReceivedRequest(
      request: request, source: arrival.source, producedAt: arrival.producedAt, receivedAt: arrival.receivedAt,
      key: arrival.key, echoedHeaders: arrival.echoedHeaders)
    let deadline = try timestamp()
    guard let progressEvents = UInt32(exactly: try count()) else {
      throw .malformed("the count of progress events is out of range", at: position)
    }
    var open = OpenRequest(received: received, deadline: deadline, progressEvents: progressEvents)
    open.isRepetition = isRepetition
    return open
  }
}

/// Where a request came from, as every record that holds one keeps it.
struct RequestArrival {
  var source: SourceCoordinates
  var producedAt: Timestamp
  var receivedAt: Timestamp
  var key: [UInt8]?
  var echoedHeaders: [RecordHeader]
}

extension ByteWriter {
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
