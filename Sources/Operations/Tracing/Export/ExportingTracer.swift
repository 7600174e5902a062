import CancelContract
import Tracing

/// The tracer whose spans leave the process: it numbers them, asks the sampler, and hands over each that has ended.
///
/// The context goes in and out as W3C Trace Context says (`traceparent`, `tracestate`).
struct ExportingTracer: Tracer {
  private let sampler: TraceSampler
  private let number: @Sendable () -> UInt64
  private let onEnd: @Sendable (EndedSpan) -> Void

  /// - Parameters:
  ///   - number: random numbers for ids.
  ///   - onEnd: told each sampled span that has ended; must return at once.
  init(
    sampler: TraceSampler, number: @escaping @Sendable () -> UInt64 = { .random(in: .min ... .max) },
    onEnd: @escaping @Sendable (EndedSpan) -> Void
  ) {
    self.sampler = sampler
    self.number = number
    self.onEnd = onEnd
  }

  func startSpan<Instant: TracerInstant>(
    _ operationName: String, context: @autoclosure () -> InstrumentationContext, ofKind kind: SpanKind,
    at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
  ) -> ExportedSpan {
    var context = context()
    let parent = context.spanIdentity
    let trace = parent?.trace ?? TraceID(high: number(), low: nonzero())
    let identity = SpanIdentity(
      trace: trace, span: SpanID(value: nonzero()), isSampled: sampler.records(trace, parent: parent),
      state: parent?.state)
    context.spanIdentity = identity
    let recorded =
      identity.isSampled
      ? EndedSpan(
        identity: identity, parent: parent, kind: kind, name: operationName, start: instant().nanosecondsSinceEpoch)
      : nil
    return ExportedSpan(context, recorded: recorded, onEnd: onEnd)
  }

  /// Ids are not all 0.
  private func nonzero() -> UInt64 {
    while true {
      let number = number()
      if number != 0 { return number }
    }
  }

  /// Nothing: what has ended is on its way already.
  func forceFlush() {}

  func extract<Carrier, Extract: Extractor>(
    _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
  ) where Extract.Carrier == Carrier {
    guard let parent = extractor.extract(key: TraceHeader.parent, from: carrier),
      let read = W3CTraceContext(
        traceparent: Array(parent.utf8),
        tracestate: extractor.extract(key: TraceHeader.state, from: carrier).map { Array($0.utf8) })
    else { return }
    context.spanIdentity = SpanIdentity(read)
  }

  func inject<Carrier, Inject: Injector>(
    _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
  ) where Inject.Carrier == Carrier {
    guard let identity = context.spanIdentity else { return }
    injector.inject(identity.traceparent, forKey: TraceHeader.parent, into: &carrier)
    if let state = identity.state { injector.inject(state, forKey: TraceHeader.state, into: &carrier) }
  }
}

/// Decides which traces are recorded, as OpenTelemetry's standard samplers do.
struct TraceSampler: Hashable, Sendable {
  /// What decides where there is no parent, or where the parent does not count.
  enum Root: Hashable, Sendable {
    /// Every trace is recorded.
    case always
    /// None is.
    case never
    /// This share of all traces is recorded, from 0 to 1.
    case ratio(Double)
  }

  /// What decides by itself.
  var root = Root.always
  /// Whether a span with a parent does as its parent does.
  var followsParent = true

  /// Whether a span of this trace is recorded.
  ///
  /// - Parameter parent: the span that it is a child of, where there is one.
  func records(_ trace: TraceID, parent: SpanIdentity?) -> Bool {
    if followsParent, let parent { return parent.isSampled }
    switch root {
    case .always: return true
    case .never: return false
    case .ratio(let share):
      // the id's last 8 bytes are random; other languages' samplers compare the same ones, so that all agree on a trace
      return share >= 1 || Double(trace.low >> 1) < share * 0x1p63
    }
  }
}
