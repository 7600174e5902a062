import CancelContract
import InMemoryTracing
import Synchronization
import Tracing

@testable import Operations

/// An in-memory tracer that reads and writes `traceparent`, as exporters' tracers do.
struct W3CTracer: Tracer {
  let memory: InMemoryTracer

  init() {
    let numbers = Counter()
    memory = InMemoryTracer(
      idGenerator: InMemoryTracer.IDGenerator(
        nextTraceID: { numbers.next(digits: 32) }, nextSpanID: { numbers.next(digits: 16) }))
  }

  private final class Counter: Sendable {
    private let last = Atomic<Int>(0)

    func next(digits: Int) -> String {
      let number = String(last.wrappingAdd(1, ordering: .relaxed).newValue, radix: 16)
      return String(repeating: "0", count: digits - number.count) + number
    }
  }

  func startSpan<Instant: TracerInstant>(
    _ operationName: String, context: @autoclosure () -> InstrumentationContext, ofKind kind: SpanKind,
    at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
  ) -> InMemorySpan {
    memory.startSpan(
      operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID, line: line)
  }

  func forceFlush() {}

  func extract<Carrier, Extract: Extractor>(
    _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
  ) where Extract.Carrier == Carrier {
    guard let parent = extractor.extract(key: "traceparent", from: carrier),
      let w3c = W3CTraceContext(traceparent: Array(parent.utf8))
    else { return }
    context.inMemorySpanContext = InMemorySpanContext(
      traceID: w3c.traceID, spanID: w3c.parentID, parentSpanID: nil)
  }

  func inject<Carrier, Inject: Injector>(
    _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
  ) where Inject.Carrier == Carrier {
    guard let span = context.inMemorySpanContext else { return }
    injector.inject("00-\(span.traceID)-\(span.spanID)-01", forKey: "traceparent", into: &carrier)
    injector.inject("test", forKey: "x-vendor", into: &carrier)
  }
}
