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
    var counter = ByteCounter()
    counter.request(request)
    return counter.count
  }
}

extension ByteSink {
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
    for request in requests { self.request(request) }
  }

  fileprivate mutating func request(_ open: OpenRequest) {
    let received = open.received
    let request = received.request
    identifier(request.cancelID)
    fixed(request.orderID.value)
    optional(request.account) { $0.string($1.description) }
    byte(request.priority.rawValue)
    let details = request.details
    optional(details.reason) { $0.string($1) }
    optional(details.origin) { writer, origin in
      for member in [origin.system, origin.actor, origin.algorithm, origin.desk] {
        writer.optional(member) { $0.string($1) }
      }
    }
    optional(details.campaignID) { $0.string($1) }
    optional(details.decidedAt) { $0.fixed($1.microseconds) }
    optional(request.deadline) { $0.fixed($1.microseconds) }
    optional(details.context) { $0.blob($1.utf8) }
    optional(details.venue) { $0.string($1) }
    string(received.source.topic)
    fixed(Int64(received.source.partition))
    fixed(received.source.offset)
    fixed(received.producedAt.microseconds)
    fixed(received.receivedAt.microseconds)
    optional(received.key) { $0.blob($1) }
    count(received.echoedHeaders.count)
    for header in received.echoedHeaders {
      string(header.name)
      optional(header.value) { $0.blob($1) }
    }
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
    let text = { (reader: inout ByteReader) throws(LedgerError) -> String in try reader.string() }
    let time = { (reader: inout ByteReader) throws(LedgerError) -> Timestamp in
      Timestamp(microseconds: try reader.fixed())
    }
    let blob = { (reader: inout ByteReader) throws(LedgerError) -> [UInt8] in try reader.blob() }
    guard let cancelID = try identifier() else { throw .malformed("the request id is missing", at: position) }
    guard let orderID = OrderID(try fixed()) else { throw .malformed("the order id is not positive", at: position) }
    var request = CancelRequest(cancelID: cancelID, orderID: orderID)
    request.account = try optional(text).map { AccountName($0) }
    guard let priority = Priority(rawValue: try byte()) else {
      throw .malformed("the priority is unknown", at: position - 1)
    }
    request.priority = priority
    request.details.reason = try optional(text)
    request.details.origin = try optional { (reader) throws(LedgerError) in
      RequestDetails.Origin(
        system: try reader.optional(text), actor: try reader.optional(text),
        algorithm: try reader.optional(text), desk: try reader.optional(text))
    }
    request.details.campaignID = try optional(text)
    request.details.decidedAt = try optional(time)
    request.deadline = try optional(time)
    request.details.context = try optional(blob).map { JSONText(wellFormed: $0) }
    if version >= .two { request.details.venue = try optional(text) }
    let topic = try string()
    guard let partition = Int32(exactly: try fixed()) else {
      throw .malformed("the partition is out of range", at: position)
    }
    let source = SourceCoordinates(topic: topic, partition: partition, offset: try fixed())
    var received = ReceivedRequest(
      request: request, source: source, producedAt: try time(&self), receivedAt: try time(&self))
    received.key = try optional(blob)
    for _ in 0..<(try elementCount()) {
      received.echoedHeaders.append(RecordHeader(name: try string(), value: try optional(blob)))
    }
    let deadline = try time(&self)
    guard let progressEvents = UInt32(exactly: try count()) else {
      throw .malformed("the count of progress events is out of range", at: position)
    }
    return OpenRequest(received: received, deadline: deadline, progressEvents: progressEvents)
  }
}
