import CancelContract
import CoreMetrics
import InMemoryLogging
import Logging
import NIOCore
import Testing
import Tracing

@testable import Operations

/// The exporter against a collector on this machine.
@Suite(.timeLimit(.minutes(1))) struct TraceExporterTests {
  private let registry = PrometheusRegistry.forWorker()
  private let lines = InMemoryLogHandler()

  private func exporter(
    port: Int, _ variables: [String: String] = [:],
    limits: (inout ExportSchedule<EndedSpan>.Limits) -> Void = { $0.firstBackOff = .milliseconds(20) }
  ) throws -> TraceExporter {
    var environment = [
      "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(port)/base/", "OTEL_BSP_SCHEDULE_DELAY": "10",
      "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20canary-7f3a,x-scope=desk",
    ]
    environment.merge(variables) { $1 }
    var reader = TraceExportReader(environment: environment)
    let export = reader.read()
    return try TraceExporter(
      try #require(export, "\(reader.faults)"), version: "1.2.3", instance: "w-0", factory: registry,
      logger: Logger(label: "test") { _ in lines }, limits: limits)
  }

  private func end(_ count: Int, _ exporter: TraceExporter) {
    let tracer = exporter.tracer
    for number in 0..<count {
      let span = tracer.startSpan("span \(number)", context: .topLevel)
      span.attributes["number"] = number
      span.end()
    }
  }

  private func lost(_ reason: String) -> Double? {
    registry.sample("cancel_worker_spans_lost_total{reason=\"\(reason)\"}")
  }

  private var exported: Double? { registry.sample("cancel_worker_spans_exported_total") }

  /// How often each name of a span stands in what came.
  private func names(_ collector: Collector) -> [String] {
    collector.requests.flatMap { request in
      String(decoding: request.body, as: UTF8.self).split(separator: "\"").map(String.init).filter {
        $0.hasPrefix("span ")
      }
    }
  }

  @Test func whatARequestLooksLike() async throws {
    try await Collector.run { collector in
      let exporter = try exporter(port: collector.port, ["OTEL_BSP_SCHEDULE_DELAY": "600000"])
      end(3, exporter)
      await exporter.stop(within: .seconds(10))
      let request = try #require(collector.requests.first)
      #expect(request.head.hasPrefix("POST /base/v1/traces HTTP/1.1\r\nhost: 127.0.0.1:\(collector.port)\r\n"))
      #expect(request.header("content-type") == "application/json")
      #expect(request.header("authorization") == "Basic canary-7f3a" && request.header("x-scope") == "desk")
      #expect(request.header("user-agent") == "cancel-worker/1.2.3")
      let value = try JSONValue(request.body)
      let text = String(decoding: request.body, as: UTF8.self)
      #expect(value["resourceSpans"] != nil)
      for attribute in [
        #"{"key":"service.name","value":{"stringValue":"cancel-worker"}}"#,
        #"{"key":"service.instance.id","value":{"stringValue":"w-0"}}"#,
        #"{"key":"number","value":{"intValue":"2"}}"#,
      ] { #expect(text.contains(attribute)) }
      #expect(names(collector) == ["span 0", "span 1", "span 2"])
      #expect(exported == 3)
      #expect(lines.entries.isEmpty, "\(lines.entries)")
    }
  }

  @Test func asProtobuf() async throws {
    try await Collector.run({ _ in Collector.answer(200) }) { collector in
      let exporter = try exporter(port: collector.port, ["OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"])
      end(1, exporter)
      await exporter.stop(within: .seconds(10))
      let request = try #require(collector.requests.first)
      #expect(request.header("content-type") == "application/x-protobuf")
      #expect(ProtobufReader.fields(request.body)?.keys.sorted() == [1])
      #expect(exported == 1)
    }
  }

  @Test func compressed() async throws {
    try await Collector.run { collector in
      let exporter = try exporter(port: collector.port, ["OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"])
      end(1, exporter)
      await exporter.stop(within: .seconds(10))
      let request = try #require(collector.requests.first)
      #expect(request.header("content-encoding") == "gzip" && request.header("content-type") == "application/json")
      #expect(request.body.starts(with: [0x1F, 0x8B]) && exported == 1)
    }
  }

  @Test func batchesAreBoundedAndTheStopSendsTheRest() async throws {
    try await Collector.run { collector in
      let exporter = try exporter(
        port: collector.port, ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "500", "OTEL_BSP_SCHEDULE_DELAY": "600000"])
      end(1250, exporter)
      await collector.wait(for: 2)
      await exporter.stop(within: .seconds(10))
      #expect(names(collector) == (0..<1250).map { "span \($0)" })
      #expect(collector.requests.count == 3)
      #expect(exported == 1250)
    }
  }

  @Test(arguments: [429, 502, 503, 504]) func aFailureThatPassesIsTriedAgain(status: Int) async throws {
    try await Collector.run({ number in
      number < 2 ? Collector.answer(status, "busy", headers: ["retry-after: 0"]) : Collector.answer(200, "{}")
    }) { collector in
      let exporter = try exporter(port: collector.port)
      end(1, exporter)
      await collector.wait(for: 3)
      await exporter.stop(within: .seconds(10))
      #expect(Set(collector.requests.map(\.body)).count == 1, "the same request each time")
      #expect(exported == 1 && lines.entries.isEmpty)
    }
  }

  @Test(arguments: [400, 401, 404, 301, 500]) func aRefusalIsToldOnce(status: Int) async throws {
    try await Collector.run({ _ in Collector.answer(status, "canary-7f3a") }) { collector in
      let exporter = try exporter(port: collector.port)
      end(1, exporter)
      await collector.wait(for: 1)
      end(1, exporter)
      await exporter.stop(within: .seconds(10))
      #expect(exported == 0 && lost("refused") == 2)
      let told = lines.entries.filter { $0.level == .warning }
      #expect((1...2).contains(told.count) && told[0].message == "spans are not exported")
      #expect(told[0].facts["reason"]?.contains("\(status)") == true)
      #expect(!"\(told)".contains("canary"))
    }
  }

  @Test func whatACollectorRejectsIsTold() async throws {
    let body = #"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"token canary-7f3a is out of quota"}}"#
    try await Collector.run({ _ in Collector.answer(200, body) }) { collector in
      let exporter = try exporter(port: collector.port, ["OTEL_BSP_SCHEDULE_DELAY": "600000"])
      end(3, exporter)
      await exporter.stop(within: .seconds(10))
      #expect(exported == 2 && lost("rejected") == 1)
      #expect(lines.entries.count == 1)
      #expect(!"\(lines.entries)".contains("canary"), "a header's value is not repeated")
    }
  }

  @Test func aCollectorThatSaysNothingHoldsUpNeitherSpansNorTheStop() async throws {
    try await Collector.run({ _ in nil }) { collector in
      let exporter = try exporter(
        port: collector.port,
        [
          "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10", "OTEL_BSP_MAX_QUEUE_SIZE": "20", "OTEL_BSP_SCHEDULE_DELAY": "600000",
        ])
      end(10, exporter)
      await collector.wait(for: 1)
      end(100, exporter)
      let clock = ContinuousClock()
      let took = await clock.measure { await exporter.stop(within: .milliseconds(200)) }
      #expect(took < .seconds(5))
      #expect(lost("queue_full") == 80 && lost("stopped") == 30)
      #expect(lines.entries.map { $0.facts["loss"] }.prefix(1) == ["queue_full"])
      // What ends after that is counted, and does no harm.
      end(1, exporter)
    }
  }

  @Test func aCollectorThatIsAwayIsToldOfByName() async throws {
    let port = try await Collector.run { $0.port }
    let exporter = try exporter(port: port, ["OTEL_BSP_EXPORT_TIMEOUT": "50"]) { $0.firstBackOff = .milliseconds(80) }
    end(2, exporter)
    while lost("undelivered") != 2 { try await Task.sleep(for: .milliseconds(5)) }
    await exporter.stop(within: .milliseconds(100))
    let told = try #require(lines.entries.first { $0.facts["loss"] == "undelivered" })
    #expect(told.facts["reason"]?.contains("refused the connection") == true)
    #expect(told.facts["collector"]?.contains("127.0.0.1:\(port)/base/v1/traces") == true)
  }

  @Test func spansNobodyIsAskedForCostNoRequest() async throws {
    try await Collector.run { collector in
      let exporter = try exporter(port: collector.port, ["OTEL_TRACES_SAMPLER": "always_off"])
      end(20, exporter)
      await exporter.stop(within: .seconds(1))
      #expect(collector.requests.isEmpty && exported == 0)
    }
  }
}
