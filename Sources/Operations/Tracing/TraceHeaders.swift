import CancelContract
import Instrumentation

extension W3CTraceContext {
  /// The context that a record's headers carry; `nil` where they carry none.
  public init?(headers: [RecordHeader]) {
    guard let parent = headers.first(where: { $0.name == TraceHeader.parent })?.value else { return nil }
    self.init(traceparent: parent, tracestate: headers.first { $0.name == TraceHeader.state }?.value)
  }
}

/// The names of the headers that carry a trace context.
enum TraceHeader {
  static let parent = "traceparent"
  static let state = "tracestate"
}

/// Hands a tracer what it may read of a record: the trace context, where it is well-formed.
struct TraceHeaderExtractor: Extractor {
  func extract(key: String, from headers: [RecordHeader]) -> String? {
    guard let context = W3CTraceContext(headers: headers) else { return nil }
    switch key {
    case TraceHeader.parent: return context.traceparent
    case TraceHeader.state: return context.state
    default: return nil
    }
  }
}

/// Takes what a tracer writes of a trace context, and nothing else.
struct TraceHeaderInjector: Injector {
  func inject(_ value: String, forKey key: String, into headers: inout [RecordHeader]) {
    guard key == TraceHeader.parent || key == TraceHeader.state else { return }
    headers.append(RecordHeader(key, value))
  }
}

private enum W3CTraceContextKey: InstrumentationContextKey {
  typealias Value = W3CTraceContext
  static var nameOverride: String? { "w3c-trace-context" }
}

extension InstrumentationContext {
  /// The trace context with which a record came, for tracers and log handlers that look for it.
  public var w3cTraceContext: W3CTraceContext? {
    get { self[W3CTraceContextKey.self] }
    set { self[W3CTraceContextKey.self] = newValue }
  }
}
