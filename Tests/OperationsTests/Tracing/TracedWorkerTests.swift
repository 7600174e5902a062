import CancelAPI
import CancelContract
import CancelService
import EToroSimulator
import InMemoryLogging
import InMemoryTracing
import Kafka
import Logging
import ServiceLifecycle
import Synchronization
import Testing
import Tracing

@testable import Operations

/// The real worker with a tracer, on an embedded broker and a simulated API.
@Suite(.timeLimit(.minutes(2))) struct TracedWorkerTests {
  private static let traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
  private let tracer = W3CTracer()
  private let topics = TopicNames()
  private let lines = InMemoryLogHandler()

  @Test func aResultCarriesTheSpanOfItsProcessing() async throws {
    let results = try await results(of: [
      (#"{"orderId":1001,"cancelId":"first"}"#, "00f067aa0ba902b1"),
      (#"{"orderId":1001,"cancelId":"again"}"#, "00f067aa0ba902b2"),
      (#"{"orderId":1002,"cancelId":"stray","account":"nobody"}"#, "00f067aa0ba902b3"),
      ("no request", "00f067aa0ba902b4"),
      (#"{"orderId":1003,"cancelId":"untraced"}"#, nil),
    ])
    let finished = tracer.memory.finishedSpans
    let process = finished.filter { $0.operationName == "process \(topics.requests)" }
    #expect(process.count == 5)
    for result in results {
      let context = try #require(W3CTraceContext(headers: result.echoedHeaders), "\(result)")
      let span = try #require(process.first { $0.spanID == context.parentID })
      #expect(span.traceID == context.traceID)
      #expect(span.attributes.get("messaging.kafka.offset") == .int64(result.source.offset))
      guard result.cancelID != "untraced" else {
        #expect(span.parentSpanID == nil && span.traceID != Self.traceID)
        continue
      }
      #expect(span.traceID == Self.traceID)
      #expect(span.parentSpanID == "00f067aa0ba902b\(result.source.offset + 1)")
    }
    // The two requests for one order share its call, which is a child of the first one's span.
    let calls = finished.filter { $0.kind == .client }
    #expect(calls.count == 2)
    let first = process.first { $0.attributes.get("messaging.kafka.offset") == .int64(0) }
    let call = try #require(calls.first { $0.parentSpanID == first?.spanID })
    #expect(call.traceID == Self.traceID)
    #expect(call.attributes.get("http.request.method") == .string("DELETE"))
    #expect(call.attributes.get("http.response.status_code") == .int64(200))
    #expect(call.attributes.get("server.address") == .string("127.0.0.1"))
    // The log's lines carry the trace's id.
    let logged = lines.entries.filter { $0.message == "request answered" }
    #expect(logged.count == 5)
    #expect(logged.filter { $0.facts[LogKey.traceID] == Self.traceID }.count == 4)
    #expect(logged.allSatisfy { $0.metadata[LogKey.traceID] != nil })
  }

  private func results(of requests: [(value: String, parent: String?)]) async throws -> [CancelResult] {
    let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let cluster = try KafkaMockCluster(brokers: 1)
    for topic in topics.all { try cluster.createTopic(topic, partitions: 1) }
    let kafka = KafkaClientConfiguration(bootstrapServers: cluster.bootstrapServers, clientID: "test")
    let simulator = EToroSimulator(configuration: SimulatorConfiguration())
    var setup = WorkerSetup(kafka: kafka, instanceID: "test", accounts: try Sample.accounts())
    setup.api.baseURL = "http://127.0.0.1:\(try await simulator.start())"
    setup.checksTopics = false
    let log = RequestLog(logger: Logger(label: "test") { _ in lines })
    let tracing = try #require(
      WorkerTracing(
        tracer: tracer, calls: TracedCalls(endpoint: try setup.api.validated(), paths: setup.api.paths),
        environments: AccountEnvironments(setup.accounts), defaultAccount: setup.defaultAccount,
        consumerGroup: setup.groupID))
    let worker = try CancelWorkerService(setup: setup, client: setup.api, observers: [log, tracing], logger: quiet)
    let group = ServiceGroup(configuration: .init(services: [.init(service: worker)], logger: quiet))
    let running = Task { try await group.run() }
    await worker.readiness.waitUntilReady()

    let producer = try KafkaProducer(configuration: kafka, transactionalID: nil, logger: quiet)
    try await producer.publish(
      requests.map { request in
        KafkaRecord(
          topic: topics.requests, key: Array("k".utf8), value: Array(request.value.utf8),
          headers: request.parent.map {
            [KafkaHeader(name: "traceparent", value: Array("00-\(Self.traceID)-\($0)-01".utf8))]
          } ?? [])
      })
    await producer.close(timeout: .seconds(5))
    let found = Found()
    let tail = try await KafkaTail.open(configuration: kafka, topic: topics.results, from: .beginning, logger: quiet)
    try await tail.run { messages in
      for message in messages {
        let event = try ResultDecoder().decode(
          value: message.value, key: message.key,
          headers: message.headers.map { RecordHeader(name: $0.name, value: $0.value) })
        found.results.withLock { $0.append(event.result) }
      }
      return found.results.withLock { $0.count } >= requests.count ? .stop : .continue
    }
    // Spans end when the commit is known, which its readers may be before.
    await group.triggerGracefulShutdown()
    try await running.value
    await log.flush()
    await simulator.stop()
    return found.results.withLock { $0 }
  }

  private final class Found: Sendable {
    let results = Mutex<[CancelResult]>([])
  }
}
