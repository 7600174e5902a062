import CancelAPI
import CancelContract
import InMemoryTracing
import Testing
import Tracing

@testable import Operations

@Suite struct WorkerTracingTests {
  private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
  private let tracer = W3CTracer()
  private let tracing: WorkerTracing
  private let now = Sample.start + .milliseconds(1)

  init() throws {
    tracing = try Self.tracing(tracer)
  }

  private static func tracing(_ tracer: any Tracer, maxOpenSpans: Int = 100) throws -> WorkerTracing {
    try #require(
      WorkerTracing(
        tracer: tracer,
        calls: TracedCalls(endpoint: try Endpoint(baseURL: "https://api.example"), paths: CancelPaths()),
        environments: AccountEnvironments(try Sample.accounts()), defaultAccount: "default",
        consumerGroup: "group", maxOpenSpans: maxOpenSpans))
  }

  private var finished: [FinishedInMemorySpan] { tracer.memory.finishedSpans }

  @Test func withoutATracerThereIsNoTracing() throws {
    let tracing = WorkerTracing(
      calls: TracedCalls(endpoint: try Endpoint(baseURL: "https://api.example"), paths: CancelPaths()),
      environments: AccountEnvironments(try Sample.accounts()), defaultAccount: "default", consumerGroup: "group")
    #expect(tracing == nil)
  }

  @Test func aRequestIsOneTraceFromItsSenderToItsResult() throws {
    var request = Sample.request(
      5,
      headers: [
        RecordHeader("traceparent", Self.parent), RecordHeader("tracestate", "a=b"),
        RecordHeader("correlation-id", "c"),
      ])
    tracing.arrived(&request, at: now)
    let adopted = try #require(W3CTraceContext(headers: request.echoedHeaders))
    #expect(adopted.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
    #expect(adopted.parentID != "00f067aa0ba902b7")
    #expect(request.echoedHeaders.map(\.name).sorted() == ["correlation-id", "traceparent"])

    tracing.received(request, .opened, at: now)
    let call = Sample.call(1, headers: request.echoedHeaders)
    tracing.sent(call, at: now + .milliseconds(1))
    tracing.answered(
      call, CancelAnswer(kind: .accepted, httpStatus: 200), after: .milliseconds(3), at: now + .milliseconds(4))
    tracing.published([Sample.result(5)], refused: [], at: now + .milliseconds(9))

    #expect(
      finished.map(\.operationName) == ["DELETE /api/v2/trading/execution/demo/orders/{orderId}", "process requests"])
    let (client, process) = (finished[0], finished[1])
    #expect(client.kind == .client && process.kind == .consumer)
    #expect(process.parentSpanID == "00f067aa0ba902b7")
    #expect(process.spanID == adopted.parentID)
    #expect(client.parentSpanID == process.spanID)
    #expect(client.traceID == process.traceID)
    #expect(process.attributes.get("messaging.system") == .string("kafka"))
    #expect(process.attributes.get("messaging.destination.name") == .string("requests"))
    #expect(process.attributes.get("messaging.destination.partition.id") == .string("0"))
    #expect(process.attributes.get("messaging.kafka.offset") == .int64(5))
    #expect(process.attributes.get("messaging.operation.type") == .string("process"))
    #expect(process.attributes.get("messaging.kafka.message.key") == nil)
    #expect(process.attributes.get("cancel_worker.outcome") == .string("accepted"))
    #expect(client.attributes.get("http.request.method") == .string("DELETE"))
    #expect(client.attributes.get("server.address") == .string("api.example"))
    #expect(
      client.attributes.get("url.full") == .string("https://api.example/api/v2/trading/execution/demo/orders/1"))
    #expect(client.attributes.get("url.template") == .string("/api/v2/trading/execution/demo/orders/{orderId}"))
    #expect(client.attributes.get("error.type") == nil)
    #expect(client.endInstant.nanosecondsSinceEpoch - client.startInstant.nanosecondsSinceEpoch == 3_000_000)
    #expect(process.status == nil && client.status == nil)
    #expect(tracing.openSpans == 0)
  }

  @Test func requestsThatShareACallAreLinkedToIt() throws {
    var ids: [Int64: String] = [:]
    for offset in 1...2 as ClosedRange<Int64> {
      var request = Sample.request(offset)
      tracing.arrived(&request, at: now)
      tracing.received(request, offset == 1 ? .opened : .attached, at: now)
      ids[offset] = W3CTraceContext(headers: request.echoedHeaders)?.parentID
    }
    let call = Sample.call(1)
    tracing.sent(call, at: now)
    var late = Sample.request(3)
    tracing.arrived(&late, at: now)
    tracing.received(late, .attached, at: now)
    tracing.answered(call, CancelAnswer(kind: .accepted, httpStatus: 200), after: .zero, at: now)
    let client = try #require(finished.first)
    #expect(client.parentSpanID == ids[1])
    #expect(
      client.links.map { $0.context.inMemorySpanContext?.spanID }
        == [ids[2], W3CTraceContext(headers: late.echoedHeaders)?.parentID])
    tracing.published(
      [Sample.result(1), Sample.result(2, deduplicated: true), Sample.result(3, deduplicated: true)], refused: [],
      at: now)
    #expect(tracing.openSpans == 0)
  }

  @Test func anErrorIsTold() throws {
    var request = Sample.request(1)
    tracing.arrived(&request, at: now)
    tracing.received(request, .opened, at: now)
    let first = Sample.call(1)
    tracing.sent(first, at: now)
    tracing.answered(first, CancelAnswer(kind: .transient, httpStatus: 503), after: .zero, at: now)
    let second = Sample.call(2, attempt: 2)
    tracing.sent(second, at: now)
    tracing.answered(second, CancelAnswer(kind: .ambiguous), after: .zero, at: now)
    tracing.published([Sample.result(1, outcome: .failed, attempts: 2)], refused: [], at: now)
    #expect(
      finished.map { $0.attributes.get("error.type") } == [.string("503"), .string("ambiguous"), .string("failed")])
    #expect(finished.allSatisfy { $0.status?.code == .error })
    #expect(finished[1].attributes.get("http.request.resend_count") == .int64(1))
  }

  @Test func aSweepIsTheParentOfItsOrdersCalls() throws {
    let source = SourceCoordinates(topic: "requests", partition: 0, offset: 5)
    var sweep = ReceivedSweep(
      request: SweepRequest(cancelID: "ks-7", scope: .account("default")), source: source, producedAt: Sample.start,
      receivedAt: now, echoedHeaders: [RecordHeader("traceparent", Self.parent)])
    tracing.arrived(&sweep, at: now)
    let carried = try #require(W3CTraceContext(headers: sweep.echoedHeaders))
    #expect(carried.traceID == "4bf92f3577b34da6a3ce929d0e0e4736" && carried.parentID != "00f067aa0ba902b7")
    for order in 1...2 as ClosedRange<Int64> {
      let request = sweep.request(for: Sample.orderID(order), of: "default", deadline: now)
      let call = Sample.call(UInt64(order), order: order, headers: request.echoedHeaders)
      tracing.sent(call, at: now)
      tracing.answered(call, CancelAnswer(kind: .accepted, httpStatus: 200), after: .zero, at: now)
      var result = Sample.result(5, order: order)
      result.echo.details.sweptBy = "ks-7"
      tracing.published([result], refused: [], at: now)
    }
    #expect(finished.count == 2 && tracing.openSpans == 1)
    #expect(finished.allSatisfy { $0.kind == .client && $0.parentSpanID == carried.parentID })
    tracing.published([Sample.result(5, order: nil)], refused: [], at: now + .seconds(1))
    let process = try #require(finished.last)
    #expect(process.spanID == carried.parentID && process.parentSpanID == "00f067aa0ba902b7")
    #expect(process.attributes.get("cancel_worker.scope") == .string("account"))
    #expect(tracing.openSpans == 0)
  }

  @Test func aRequestOfBeforeARestartIsGoneOnWith() {
    tracing.sent(Sample.call(1, headers: [RecordHeader("traceparent", Self.parent)]), at: now)
    tracing.answered(Sample.call(1), CancelAnswer(kind: .accepted, httpStatus: 200), after: .zero, at: now)
    #expect(finished.map(\.parentSpanID) == ["00f067aa0ba902b7"])
  }

  @Test func aMalformedContextStartsANewTrace() {
    var request = Sample.request(1, headers: [RecordHeader("traceparent", "00-bad")])
    tracing.arrived(&request, at: now)
    tracing.published([Sample.result(1)], refused: [], at: now)
    #expect(finished.map(\.parentSpanID) == [nil])
  }

  @Test func partitionsThatAreGivenUpTakeTheirSpansAlong() {
    for partition in [0, 1] as [Int32] {
      let request = Sample.request(1, partition: partition)
      tracing.received(request, .opened, at: now)
    }
    tracing.gaveUp([0], lost: true)
    #expect(finished.map { $0.events.map(\.name) } == [["partition lost"]])
    #expect(tracing.openSpans == 1)
  }

  @Test func openSpansAreBounded() throws {
    let tracing = try Self.tracing(tracer, maxOpenSpans: 3)
    for offset in 1...10 as ClosedRange<Int64> {
      var request = Sample.request(offset, order: offset, headers: [RecordHeader("traceparent", Self.parent)])
      tracing.arrived(&request, at: now)
      tracing.received(request, .opened, at: now)
      #expect((W3CTraceContext(headers: request.echoedHeaders)?.traceparent == Self.parent) == (offset > 3))
      tracing.sent(Sample.call(UInt64(offset), order: offset), at: now)
    }
    #expect(tracing.openSpans <= 6)
  }
}
