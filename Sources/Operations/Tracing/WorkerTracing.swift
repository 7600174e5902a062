import CancelAPI
import CancelContract
import CancelCore
import CancelService
import Synchronization
import Tracing

/// Traces the worker's work through swift-distributed-tracing: a span for each request, from its receipt to its
/// published result, and one for each call, under the span of the first request behind it, or of its sweep.
///
/// Names and attributes are OpenTelemetry's for messaging and HTTP. The context comes from the request's `traceparent`
/// and `tracestate`, and goes on in those of its result (``arrived(_:at:)-(ReceivedRequest,_)``).
///
/// The tracer is that of ``OperatorSurface``'s exporter, or the one with which an embedding bootstrapped
/// `InstrumentationSystem`. Without a tracer there is no `WorkerTracing`, and tracing costs nothing.
public final class WorkerTracing: WorkerObserver {
  private let tracer: any Tracer
  private let calls: TracedCalls
  private let environments: AccountEnvironments
  private let defaultAccount: AccountName
  private let consumerGroup: String
  private let open: Mutex<OpenSpans>

  /// Tracing with `tracer`.
  ///
  /// - Parameter maxOpenSpans: the most requests that are traced at a time; others are not.
  /// - Returns: `nil` where the tracer is the one that does nothing.
  public init?(
    tracer: any Tracer = InstrumentationSystem.tracer,
    calls: TracedCalls,
    environments: AccountEnvironments,
    defaultAccount: AccountName,
    consumerGroup: String,
    maxOpenSpans: Int = 10_000
  ) {
    guard !(tracer is NoOpTracer) else { return nil }
    self.tracer = tracer
    self.calls = calls
    self.environments = environments
    self.defaultAccount = defaultAccount
    self.consumerGroup = consumerGroup
    self.open = Mutex(OpenSpans(limit: maxOpenSpans))
  }

  /// Spans that are open.
  var openSpans: Int { open.withLock { $0.count } }

  /// Yes: a span begins before the engine has the request.
  public var seesArrivals: Bool { true }

  /// Starts the request's span, and lets the request carry that span's context on: in the ledger, in the calls, and in
  /// the result. Where it is not called, the request keeps the context
  /// it came with.
  public func arrived(_ request: inout ReceivedRequest, at now: Timestamp) {
    guard let span = begin(request, at: now) else { return }
    carry(span, in: &request.echoedHeaders)
  }

  /// Starts the span of a record that is no request, and lets its result carry that span's context on.
  public func arrived(_ unreadable: inout UnreadableRequest, at now: Timestamp) {
    guard
      let span = begin(
        unreadable.source, order: nil, messageID: unreadable.cancelID, headers: unreadable.echoedHeaders, at: now)
    else { return }
    carry(span, in: &unreadable.echoedHeaders)
  }

  /// Starts the sweep's span, and lets its orders' calls and results carry that span's context on.
  public func arrived(_ sweep: inout ReceivedSweep, at now: Timestamp) {
    guard
      let span = begin(
        sweep.source, order: nil, messageID: sweep.request.cancelID, headers: sweep.echoedHeaders, at: now)
    else { return }
    span.attributes["cancel_worker.priority"] = sweep.request.priority.name
    switch sweep.request.scope {
    case .account: span.attributes["cancel_worker.scope"] = "account"
    case .all: span.attributes["cancel_worker.scope"] = "all"
    }
    carry(span, in: &sweep.echoedHeaders)
  }

  private func carry(_ span: any Span, in echoedHeaders: inout [RecordHeader]) {
    var headers: [RecordHeader] = []
    tracer.inject(span.context, into: &headers, using: TraceHeaderInjector())
    guard W3CTraceContext(headers: headers) != nil else { return }
    echoedHeaders.removeAll { $0.name == TraceHeader.parent || $0.name == TraceHeader.state }
    echoedHeaders += headers
  }

  /// Starts the request's span, unless ``arrived(_:at:)-(ReceivedRequest,_)`` did, and links it to the call that it shares.
  public func received(_ request: ReceivedRequest, _ receipt: CancelEngine.Receipt, at now: Timestamp) {
    let place = OpenSpans.Place(request.source)
    if open.withLock({ !$0.has(place) }) { _ = begin(request, at: now) }
    switch receipt {
    case .opened, .attached:
      guard let (span, call) = open.withLock({ $0.wait(place) }) else { return }
      call.addLink(SpanLink(context: span.context, attributes: [:]))
    case .answered, .accountUnknown:
      break
    }
  }

  /// Starts the call's span.
  public func sent(_ call: Call, at now: Timestamp) {
    let order = OpenSpans.Order(orderID: call.orderID, account: call.account)
    let waiting = open.withLock { $0.waiting(for: order) }
    let parent = waiting.first?.context ?? context(of: call.headers)
    let path = environments[call.account].map { calls.paths[$0].description }
    let span: any Span = tracer.startSpan(
      path.map { "DELETE \($0)" } ?? "DELETE", context: parent, ofKind: .client, at: SpanInstant(now))
    span.updateAttributes { attributes in
      attributes["http.request.method"] = "DELETE"
      attributes["server.address"] = calls.serverAddress
      attributes["server.port"] = calls.serverPort
      attributes["url.template"] = path
      attributes["url.full"] = path.map {
        calls.baseURL + $0.replacing("{orderId}", with: "\(call.orderID)", maxReplacements: 1)
      }
      if call.attempt > 1 { attributes["http.request.resend_count"] = call.attempt - 1 }
      attributes["cancel_worker.request_id"] = call.requestID.lowercasedText
    }
    for other in waiting.dropFirst().prefix(32) { span.addLink(SpanLink(context: other.context, attributes: [:])) }
    open.withLock { $0.add(span, of: call.id, order: order) }
  }

  /// Ends the call's span.
  public func answered(_ call: Call, _ answer: CancelAnswer, after duration: Duration, at now: Timestamp) {
    guard let span = open.withLock({ $0.remove(call.id) }) else { return }
    span.updateAttributes { attributes in
      attributes["cancel_worker.answer_class"] = answer.kind.metricLabel
      attributes["http.response.status_code"] = answer.httpStatus
      guard answer.kind != .accepted else { return }
      attributes["error.type"] = answer.httpStatus.map(String.init) ?? answer.kind.metricLabel
    }
    if answer.kind != .accepted { span.setStatus(SpanStatus(code: .error)) }
    span.end(at: SpanInstant(now))
  }

  /// Ends the requests' spans.
  public func published(_ results: [CancelResult], refused: [RefusedMessage], at now: Timestamp) {
    // An order that a sweep found has the sweep's place, and the sweep's span goes on until its own result.
    for result in results where result.orderID == nil || result.echo.details.sweptBy == nil {
      guard let span = open.withLock({ $0.remove(OpenSpans.Place(result.source)) }) else { continue }
      span.updateAttributes { attributes in
        attributes["cancel_worker.outcome"] = result.outcome.name
        attributes["cancel_worker.attempts"] = result.attempts
        attributes["cancel_worker.deduplicated"] = result.deduplicated
        attributes["cancel_worker.account"] = result.account?.description
        switch result.outcome {
        case .accepted, .rejected, .acknowledged: break
        case .expired, .failed, .invalid: attributes["error.type"] = result.outcome.name
        }
      }
      switch result.outcome {
      case .accepted, .rejected, .acknowledged: break
      case .expired, .failed, .invalid: span.setStatus(SpanStatus(code: .error))
      }
      span.end(at: SpanInstant(now))
    }
  }

  /// Ends the spans of requests that another worker goes on with.
  public func gaveUp(_ partitions: [Int32], lost: Bool) {
    for span in open.withLock({ $0.remove(partitions) }) {
      span.addEvent(SpanEvent(name: lost ? "partition lost" : "partition given up"))
      span.end()
    }
  }

  private func begin(_ request: ReceivedRequest, at now: Timestamp) -> (any Span)? {
    let order = OpenSpans.Order(
      orderID: request.request.orderID, account: request.request.account ?? defaultAccount)
    guard
      let span = begin(
        request.source, order: order, messageID: request.request.cancelID, headers: request.echoedHeaders, at: now)
    else { return nil }
    span.attributes["cancel_worker.order_id"] = request.request.orderID.value
    span.attributes["cancel_worker.priority"] = request.request.priority.name
    return span
  }

  private func begin(
    _ source: SourceCoordinates, order: OpenSpans.Order?, messageID: String, headers: [RecordHeader], at now: Timestamp
  ) -> (any Span)? {
    guard open.withLock({ $0.admitsRequest() }) else { return nil }
    let span: any Span = tracer.startSpan(
      "process \(source.topic)", context: context(of: headers), ofKind: .consumer, at: SpanInstant(now))
    span.updateAttributes { attributes in
      attributes["messaging.system"] = "kafka"
      attributes["messaging.operation.name"] = "process"
      attributes["messaging.operation.type"] = "process"
      attributes["messaging.destination.name"] = source.topic
      attributes["messaging.destination.partition.id"] = String(source.partition)
      attributes["messaging.kafka.offset"] = source.offset
      attributes["messaging.consumer.group.name"] = consumerGroup
      attributes["messaging.message.id"] = String(messageID.prefix(128))
    }
    open.withLock { $0.add(span, at: OpenSpans.Place(source), order: order) }
    return span
  }

  private func context(of headers: [RecordHeader]) -> InstrumentationContext {
    var context = InstrumentationContext.topLevel
    tracer.extract(headers, into: &context, using: TraceHeaderExtractor())
    context.w3cTraceContext = W3CTraceContext(headers: headers)
    return context
  }
}

/// The worker's time as a tracer's.
private struct SpanInstant: TracerInstant {
  let nanosecondsSinceEpoch: UInt64

  init(_ timestamp: Timestamp) {
    nanosecondsSinceEpoch = UInt64(max(timestamp.microseconds, 0)).multipliedReportingOverflow(by: 1000).partialValue
  }

  static func < (left: SpanInstant, right: SpanInstant) -> Bool {
    left.nanosecondsSinceEpoch < right.nanosecondsSinceEpoch
  }
}

/// What a trace says of where calls go.
public struct TracedCalls: Sendable {
  /// The API's base URL, without a `/` at its end.
  public var baseURL: String
  /// The API's host.
  public var serverAddress: String
  /// The API's port.
  public var serverPort: Int
  /// The endpoint's paths, with `{orderId}` for the order's number.
  public var paths: CancelPaths

  /// Calls to this endpoint.
  public init(endpoint: Endpoint, paths: CancelPaths) {
    self.baseURL = endpoint.description
    self.serverAddress = endpoint.host
    self.serverPort = endpoint.port
    self.paths = paths
  }
}
