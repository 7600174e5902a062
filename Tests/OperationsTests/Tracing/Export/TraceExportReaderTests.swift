import Foundation
import Testing

@testable import Operations

/// OpenTelemetry's variables.
@Suite struct TraceExportReaderTests {
  private static let endpoint = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"]

  private func read(_ environment: [String: String]) -> (export: TraceExport?, faults: [String], warnings: [String]) {
    var reader = TraceExportReader(environment: environment)
    let export = reader.read()
    return (export, reader.faults.map(\.description), reader.warnings)
  }

  private func export(_ environment: [String: String]) throws -> TraceExport {
    let (export, faults, _) = read(Self.endpoint.merging(environment) { $1 })
    return try #require(export, "\(faults)")
  }

  @Test(arguments: [
    [:], ["OTEL_SERVICE_NAME": "x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_BSP_MAX_QUEUE_SIZE": "none"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT": ""],
    ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense", "OTEL_SDK_DISABLED": "true"],
    ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://collector:4318"],
  ])
  func nothingIsExportedUnasked(environment: [String: String]) {
    let (export, faults, warnings) = read(environment)
    #expect(export == nil && faults.isEmpty && warnings.isEmpty)
  }

  @Test func anExporterWithoutAnEndpointIsWarnedOf() {
    let (export, faults, warnings) = read(["OTEL_TRACES_EXPORTER": "otlp"])
    #expect(export == nil && faults.isEmpty && warnings.count == 1)
  }

  @Test func theDefaults() throws {
    let export = try export([:])
    #expect(export.target == "http://collector:4318/v1/traces (http/json)")
    #expect(export.timeout == .seconds(10) && export.batching == TraceExport.Batching())
    #expect(export.sampler == TraceSampler(root: .always, followsParent: true))
    #expect(export.headers.isEmpty && export.proxy == nil)
    #expect(
      export.resource(version: "1", instance: "w").map { "\($0.key)=\($0.value)" } == [
        "service.instance.id=w", "service.name=cancel-worker", "service.version=1", "telemetry.sdk.language=swift",
        "telemetry.sdk.name=cancel-worker", "telemetry.sdk.version=1",
      ])
  }

  @Test(arguments: [
    ("ENDPOINT", "https://c.example/otlp/", "https://c.example/otlp/v1/traces"),
    ("ENDPOINT", "https://c.example", "https://c.example/v1/traces"),
    ("TRACES_ENDPOINT", "http://c:80/", "http://c/"), ("TRACES_ENDPOINT", "http://c:80", "http://c/"),
    ("TRACES_ENDPOINT", "https://c/v1/traces/", "https://c/v1/traces/"),
    ("TRACES_ENDPOINT", "https://c/x?key=canary", "https://c/x"),
    ("ENDPOINT", "http://[::1]:4318", "http://[::1]:4318/v1/traces"),
  ])
  func endpoints(name: String, url: String, target: String) throws {
    let export = try export(["OTEL_EXPORTER_OTLP_\(name)": url])
    #expect(export.target == "\(target) (http/json)")
    #expect(export.path.hasSuffix("?key=canary") == url.contains("?"))
  }

  @Test func whatIsForTracesGoesBeforeWhatIsForAll() throws {
    let export = try export([
      "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://traces:1/t", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
      "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_TIMEOUT": "x",
      "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "2500", "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
      "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "b=2",
    ])
    #expect(export.target == "http://traces:1/t (http/protobuf)")
    #expect(export.timeout == .milliseconds(2500) && !export.isCompressed)
    #expect(export.headers.description == "b: <redacted>")
  }

  @Test func batchingSamplingAndResource() throws {
    let export = try export([
      "OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_SCHEDULE_DELAY": "0", "OTEL_BSP_EXPORT_TIMEOUT": "1000",
      "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25",
      "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod%2Ceu, service.name=other ,service.version=9",
      "OTEL_SERVICE_NAME": "desk",
    ])
    #expect(export.batching.maxQueue == 100 && export.batching.maxBatch == 100)
    #expect(export.batching.delay == .zero && export.batching.timeout == .seconds(1))
    #expect(export.sampler == TraceSampler(root: .ratio(0.25), followsParent: true))
    let resource = export.resource(version: "1", instance: "w").map { "\($0.key)=\($0.value)" }
    #expect(resource.contains("deployment.environment.name=prod,eu") && resource.contains("service.name=desk"))
    #expect(resource.contains("service.version=9") && !resource.contains("service.version=1"))
  }

  @Test(arguments: [
    ("always_on", TraceSampler(root: .always, followsParent: false)),
    ("always_off", TraceSampler(root: .never, followsParent: false)),
    ("traceidratio", TraceSampler(root: .ratio(1), followsParent: false)),
    ("parentbased_always_on", TraceSampler(root: .always, followsParent: true)),
    ("parentbased_always_off", TraceSampler(root: .never, followsParent: true)),
  ])
  func samplers(name: String, sampler: TraceSampler) throws {
    #expect(try export(["OTEL_TRACES_SAMPLER": name]).sampler == sampler)
  }

  @Test(arguments: [
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://u:canary@c"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://c:4317"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c/?key=canary"),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/\r\nx: canary"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/xml"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "canary"), ("OTEL_EXPORTER_OTLP_HEADERS", "=canary"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "a=canary%0d%0ax: y"), ("OTEL_EXPORTER_OTLP_HEADERS", "a=canary%zz"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "a b=canary"), ("OTEL_EXPORTER_OTLP_HEADERS", "Host=canary"),
    ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=1,content-length=canary"), ("OTEL_TRACES_EXPORTER", "zipkin"),
    ("OTEL_TRACES_SAMPLER", "jaeger_remote"), ("OTEL_TRACES_SAMPLER", "parentbased_parentbased_always_on"),
    ("OTEL_RESOURCE_ATTRIBUTES", "novalue"), ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
    ("OTEL_BSP_SCHEDULE_DELAY", "-1"), ("OTEL_BSP_EXPORT_TIMEOUT", "0"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4000"),
  ])
  func aBadValueNamesItsVariable(variable: String, value: String) {
    let (export, faults, _) = read(Self.endpoint.merging([variable: value]) { $1 })
    #expect(export == nil)
    #expect(faults.count == 1 && faults[0].hasPrefix("\(variable): "), "\(faults)")
    #expect(!"\(faults)".contains("canary"))
  }

  @Test func aBadShareIsAFault() {
    for share in ["2", "-0.1", "half", "nan"] {
      let faults = read(
        Self.endpoint.merging(["OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": share]) { $1 }
      ).faults
      #expect(faults.count == 1 && faults[0].hasPrefix("OTEL_TRACES_SAMPLER_ARG: "), "\(faults)")
    }
  }

  @Test func aMissingCertificateIsAFault() {
    let faults = read([
      "OTEL_EXPORTER_OTLP_ENDPOINT": "https://c", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem",
    ]).faults
    #expect(faults.count == 1 && faults[0].hasPrefix("OTEL_EXPORTER_OTLP_CERTIFICATE: "), "\(faults)")
    #expect(faults.first?.contains("/nowhere/ca.pem") == true)
  }

  @Test func whatIsProbablyNotMeantIsWarnedOf() {
    #expect(read(["OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"]).warnings.count == 1)
    #expect(read(Self.endpoint.merging(["OTEL_EXPORTER_OTLP_HEADERS": "a=canary"]) { $1 }).warnings.count == 1)
    #expect(
      read(["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"]).warnings
        .isEmpty)
  }

  @Test func headersAreNeverShown() throws {
    let export = try export(["OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20canary-token"])
    var dumped = ""
    dump(export, to: &dumped)
    for shown in ["\(export)", String(reflecting: export), dumped, "\(export.headers)"] {
      #expect(!shown.contains("canary"), "\(shown)")
    }
    #expect(export.headers.description == "authorization: <redacted>")
    #expect(export.headers.occur(in: "token canary-token is unknown") && !export.headers.occur(in: "Bearer"))
  }

  @Test func faultsAreToldWithTheOthers() {
    do {
      _ = try WorkerConfiguration.load(
        path: nil,
        environment: Self.endpoint.merging(["OTEL_BSP_MAX_QUEUE_SIZE": "x", "QUOTA_CALLS": "many"]) { $1 })
      Issue.record("a faulty configuration was taken")
    } catch {
      let keys = Set(error.faults.map(\.key))
      #expect(keys.isSuperset(of: ["OTEL_BSP_MAX_QUEUE_SIZE", "quota.calls", "kafka.bootstrapServers"]), "\(error)")
      #expect(ExitCode(for: error) == .configuration)
    }
  }

  @Test func aMisspeltVariableIsWarnedOf() throws {
    let configuration = try WorkerConfiguration.load(
      path: nil,
      environment: [
        "KAFKA_BOOTSTRAP_SERVERS": "b:1", "OTEL_EXPORTER_OTLP_ENDPONT": "http://c:1", "OTEL_BLRP_MAX_QUEUE_SIZE": "1",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:1", "OTEL_LOGS_EXPORTER": "none",
      ])
    #expect(configuration.traces == nil)
    #expect(configuration.warnings.filter { $0.contains("OTEL") }.count == 1)
    #expect(configuration.warnings.contains { $0.contains("did you mean OTEL_EXPORTER_OTLP_ENDPOINT?") })
  }
}
