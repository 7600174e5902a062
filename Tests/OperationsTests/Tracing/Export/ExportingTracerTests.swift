import CancelAPI
import CancelContract
import Synchronization
import Testing
import Tracing

@testable import Operations

/// What the worker's tracing hands to the exporter.
@Suite struct ExportingTracerTests {
  private static let traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
  private let now = Sample.start + .milliseconds(1)

  private final class Ended: Sendable {
    let spans = Mutex<[EndedSpan]>([])
    var all: [EndedSpan] { spans.withLock { $0 } }
  }

  private let ended = Ended()

  private func tracer(_ sampler: TraceSampler = TraceSampler()) -> ExportingTracer {
    ExportingTracer(sampler: sampler) { [ended] span in ended.spans.withLock { $0.append(span) } }
  }

  private func tracing(_ sampler: TraceSampler = TraceSampler()) throws -> WorkerTracing {
    try #require(
      WorkerTracing(
        tracer: tracer(sampler),
        calls: TracedCalls(endpoint: try Endpoint(baseURL: "https://api.example"), paths: CancelPaths()),
        environments: AccountEnvironments(try Sample.accounts()), defaultAccount: "default", consumerGroup: "group"))
  }

  private func play(_ tracing: WorkerTracing, _ headers: [RecordHeader]) -> W3CTraceContext? {
    var request = Sample.request(5, headers: headers)
    tracing.arrived(&request, at: now)
    tracing.received(request, .opened, at: now)
    let call = Sample.call(1, headers: request.echoedHeaders)
    tracing.sent(call, at: now)
    tracing.answered(call, CancelAnswer(kind: .accepted, httpStatus: 200), after: .milliseconds(3), at: now)
    tracing.published([Sample.result(5)], refused: [], at: now + .milliseconds(9))
    return W3CTraceContext(headers: request.echoedHeaders)
  }

  private func headers(flags: String = "01") -> [RecordHeader] {
    [
      RecordHeader("traceparent", "00-\(Self.traceID)-00f067aa0ba902b7-\(flags)"),
      RecordHeader("tracestate", "congo=t61,rojo=00f"),
    ]
  }

  @Test func theRequestsContextIsTheParent() throws {
    let carried = try #require(play(try tracing(), headers()))
    #expect(ended.all.count == 2)
    let (call, process) = (ended.all[0], ended.all[1])
    #expect(process.identity.trace.hexadecimal == Self.traceID)
    #expect(process.parent?.span.hexadecimal == "00f067aa0ba902b7" && process.parent?.isRemote == true)
    #expect(process.kind == .consumer && process.end - process.start == 9_000_000)
    #expect(call.parent == process.identity && call.kind == .client)
    #expect(call.identity.trace == process.identity.trace && call.identity.span != process.identity.span)
    // The result goes on with this span, and with the vendors' state.
    #expect(carried.traceID == Self.traceID && carried.parentID == process.identity.span.hexadecimal)
    #expect(carried.isSampled && carried.state == "congo=t61,rojo=00f")
    #expect(process.flags == 0x301 && call.flags == 0x101)
  }

  @Test func withoutAContextATraceBegins() throws {
    let carried = try #require(play(try tracing(), []))
    let process = try #require(ended.all.last)
    #expect(process.parent == nil && process.flags == 0x101)
    #expect(carried.traceID == process.identity.trace.hexadecimal && carried.isSampled)
  }

  @Test func aTraceThatIsNotRecordedIsPassedOnAsSuch() throws {
    let carried = try #require(play(try tracing(), headers(flags: "00")))
    #expect(ended.all.isEmpty)
    #expect(carried.traceID == Self.traceID && !carried.isSampled && carried.parentID != "00f067aa0ba902b7")
  }

  @Test func samplers() {
    let recorded = SpanIdentity(trace: TraceRequestTests.trace, span: SpanID(value: 1), isSampled: true)
    let unrecorded = SpanIdentity(trace: TraceRequestTests.trace, span: SpanID(value: 1), isSampled: false)
    for root in [TraceSampler.Root.always, .never, .ratio(0), .ratio(1)] {
      let decides = root == .always || root == .ratio(1)
      let alone = TraceSampler(root: root, followsParent: false)
      let parentBased = TraceSampler(root: root, followsParent: true)
      for parent in [nil, recorded, unrecorded] {
        #expect(alone.records(TraceRequestTests.trace, parent: parent) == decides)
        #expect(parentBased.records(TraceRequestTests.trace, parent: parent) == (parent?.isSampled ?? decides))
      }
    }
    let tenth = TraceSampler(root: .ratio(0.1))
    #expect(tenth.records(TraceID(high: .max, low: UInt64.max / 10 - 1000), parent: nil))
    #expect(!tenth.records(TraceID(high: 0, low: UInt64.max / 10 + 5000), parent: nil))
    let share = (0..<20_000).count { _ in tenth.records(TraceID(high: 0, low: .random(in: 1 ... .max)), parent: nil) }
    #expect((1700...2300).contains(share), "\(share)")
  }

  @Test func idsAreNeverZero() {
    let numbers = Mutex<[UInt64]>([7, 0, 0, 8, 0, 9])
    let tracer = ExportingTracer(sampler: TraceSampler(), number: { numbers.withLock { $0.removeFirst() } }) { _ in }
    let identity = tracer.startSpan("x", context: .topLevel).context.spanIdentity
    #expect(identity?.trace == TraceID(high: 7, low: 8) && identity?.span == SpanID(value: 9))
  }

  @Test func aSpanEndsOnceAndKeepsItsBounds() throws {
    let span = tracer().startSpan("x", context: .topLevel, at: TraceRequestTests.Instant(nanosecondsSinceEpoch: 50))
    for number in 0..<200 {
      span.addEvent(SpanEvent(name: "\(number)"))
      span.addLink(SpanLink(context: span.context, attributes: [:]))
    }
    struct Secretive: Error { let secret = "canary" }
    span.operationName = "y"
    span.end(at: TraceRequestTests.Instant(nanosecondsSinceEpoch: 40))
    span.end(at: TraceRequestTests.Instant(nanosecondsSinceEpoch: 90))
    span.recordError(Secretive())
    span.attributes = ["late": 1]
    let exported = try #require(ended.all.first)
    #expect(ended.all.count == 1 && !span.isRecording)
    #expect(exported.name == "y" && exported.start == 50 && exported.end == 50)
    #expect(exported.events.count == 128 && exported.droppedEvents == 72)
    #expect(exported.links.count == 128 && exported.droppedLinks == 72)
    #expect(exported.attributes.isEmpty)
  }

  @Test func anErrorIsToldByItsTypeAlone() throws {
    struct Secretive: Error { let secret = "canary" }
    let span = tracer().startSpan("x", context: .topLevel)
    span.recordError(Secretive())
    span.end()
    let event = try #require(ended.all.first?.events.first)
    #expect(event.name == "exception" && event.attributes.get("exception.type") == .string("Secretive"))
    #expect(!"\(event)".contains("canary"))
  }
}
