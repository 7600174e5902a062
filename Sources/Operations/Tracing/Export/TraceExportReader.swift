import CancelAPI
import HTTPTransport

/// Reads OpenTelemetry's standard variables, and collects every fault. An empty variable counts as not set.
struct TraceExportReader {
  private let environment: [String: String]
  private(set) var faults: [ConfigurationError.Fault] = []
  private(set) var warnings: [String] = []

  init(environment: [String: String]) {
    self.environment = environment
  }

  /// The variables that are read.
  static let variables =
    [
      "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES",
      "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT",
      "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    ] + general.flatMap { ["OTEL_EXPORTER_OTLP_\($0)", "OTEL_EXPORTER_OTLP_TRACES_\($0)"] }

  /// Each stands for all signals, and for traces alone with `TRACES_` before it.
  private static let general = [
    "ENDPOINT", "HEADERS", "PROTOCOL", "TIMEOUT", "COMPRESSION", "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY",
  ]

  /// Variables of other signals whose names are near those above.
  static let others = [
    "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_BLRP_EXPORT_TIMEOUT", "OTEL_BLRP_MAX_QUEUE_SIZE",
    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
  ]

  /// What the variables ask for; `nil` where nothing is to be exported, or where there are faults.
  mutating func read() -> TraceExport? {
    guard !isDisabled() else { return nil }
    let exporter = read("OTEL_TRACES_EXPORTER", "'otlp' or 'none'") { ["otlp": true, "none": false][$0.lowercased()] }
    guard let (variable, endpoint) = endpoint() else {
      if exporter == true {
        warnings.append(
          "OTEL_TRACES_EXPORTER is set, but no endpoint is: no trace is exported. Set OTEL_EXPORTER_OTLP_ENDPOINT")
      }
      // the environment is everybody's: what concerns an exporter that is not used is no fault
      faults = []
      return nil
    }
    guard exporter != false, let (origin, path) = place(variable, endpoint) else { return nil }
    var export = TraceExport(origin: origin, path: path)
    readTransport(&export)
    readBatching(&export.batching)
    readSampler(&export.sampler)
    readResource(&export)
    return faults.isEmpty ? export : nil
  }

  private func isDisabled() -> Bool {
    // by the specification, anything but `true` is false
    text("OTEL_SDK_DISABLED")?.lowercased() == "true"
  }

  private func text(_ variable: String) -> String? {
    environment[variable].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The variable of traces alone where it is set, else that of all signals.
  private func variable(_ name: String) -> String {
    let own = "OTEL_EXPORTER_OTLP_TRACES_\(name)"
    return text(own) == nil ? "OTEL_EXPORTER_OTLP_\(name)" : own
  }

  private mutating func fault(_ variable: String, _ message: String) {
    faults.append(ConfigurationError.Fault(key: variable, message: message, origin: "environment variable"))
  }

  private mutating func read<Value>(
    _ variable: String, _ expectation: String, _ parse: (String) -> Value?
  ) -> Value? {
    guard let text = text(variable) else { return nil }
    guard let value = parse(text) else {
      fault(variable, "'\(text.prefix(80))' is not \(expectation)")
      return nil
    }
    return value
  }

  private func endpoint() -> (variable: String, text: String)? {
    let variable = variable("ENDPOINT")
    return text(variable).map { (variable, $0) }
  }

  /// The collector and the path there. The text is not quoted: it may hold a password or a key.
  private mutating func place(_ variable: String, _ text: String) -> (HTTPOrigin, String)? {
    let isForTraces = variable.contains("_TRACES_")
    let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let query = parts.count == 2 ? "?\(parts[1])" : ""
    guard let endpoint = try? Endpoint(baseURL: String(parts[0]), allowPlaintext: true),
      query.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") })
    else {
      fault(
        variable,
        "is not a URL such as http://collector:4318: it needs http:// or https://, a host, and no user information "
          + "(give credentials as OTEL_EXPORTER_OTLP_HEADERS)")
      return nil
    }
    if !isForTraces, !query.isEmpty {
      fault(variable, "has a query, so /v1/traces can't be added; set OTEL_EXPORTER_OTLP_TRACES_ENDPOINT instead")
      return nil
    }
    if endpoint.port == 4317 {
      warnings.append("\(variable) names port 4317, which is usually for gRPC; OTLP over HTTP has 4318")
    }
    guard isForTraces else { return (endpoint.origin, endpoint.pathPrefix + "/v1/traces") }
    // this one is taken as it is, with the `/` at its end
    let hasSlash = parts[0].hasSuffix("/")
    return (endpoint.origin, endpoint.pathPrefix + (hasSlash || endpoint.pathPrefix.isEmpty ? "/" : "") + query)
  }

  private mutating func readTransport(_ export: inout TraceExport) {
    let protocols = variable("PROTOCOL")
    if text(protocols) == "grpc" {
      fault(
        protocols, "grpc is not spoken here; set http/json or http/protobuf, and the collector's port for it (4318)")
    } else if let encoding = read(protocols, "'http/json' or 'http/protobuf'", { TraceExport.Encoding(rawValue: $0) }) {
      export.encoding = encoding
    }
    if let isCompressed = read(variable("COMPRESSION"), "'gzip' or 'none'", { ["gzip": true, "none": false][$0] }) {
      export.isCompressed = isCompressed
    }
    if let timeout = milliseconds(variable("TIMEOUT"), in: 1...600_000) { export.timeout = timeout }
    export.headers = headers(variable("HEADERS"))
    if !export.headers.isEmpty, !export.origin.isEncrypted, !export.origin.isLoopback {
      warnings.append("\(variable("HEADERS")) travels readable: the endpoint is plain http://")
    }
    readTLS(&export)
    do {
      export.proxy = try HTTPProxy.environment(environment, for: export.origin)
    } catch {
      fault(variable("ENDPOINT"), "is reached through a proxy: \(error)")
    }
  }

  private mutating func readTLS(_ export: inout TraceExport) {
    guard export.origin.isEncrypted else { return }
    export.tls.trustRootsFile = text(variable("CERTIFICATE"))
    export.tls.certificateFile = text(variable("CLIENT_CERTIFICATE"))
    export.tls.keyFile = text(variable("CLIENT_KEY"))
    do {
      _ = try export.tls.configuration()
    } catch {
      fault(variable(export.tls.certificateFile == nil ? "CERTIFICATE" : "CLIENT_CERTIFICATE"), error.description)
    }
  }

  private mutating func readBatching(_ batching: inout TraceExport.Batching) {
    if let delay = milliseconds("OTEL_BSP_SCHEDULE_DELAY", in: 0...600_000) { batching.delay = delay }
    if let timeout = milliseconds("OTEL_BSP_EXPORT_TIMEOUT", in: 1...600_000) { batching.timeout = timeout }
    let (queue, batch) = ("OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE")
    if let size = number(queue, in: 1...1_000_000) { batching.maxQueue = size }
    if let size = number(batch, in: 1...10_000) {
      batching.maxBatch = size
      if size > batching.maxQueue {
        fault(batch, "\(size) is more than \(queue) (\(batching.maxQueue)): a batch would never be full")
      }
    }
    batching.maxBatch = min(batching.maxBatch, batching.maxQueue)
  }

  private mutating func readSampler(_ sampler: inout TraceSampler) {
    let (name, argument) = ("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG")
    let names = ["always_on", "always_off", "traceidratio"]
    let expected = (names + names.map { "parentbased_\($0)" }).map { "'\($0)'" }.joined(separator: ", ")
    let word = read(name, "one of \(expected)") { text in
      names.contains(text.replacing("parentbased_", with: "", maxReplacements: 1)) ? text : nil
    }
    guard let word else { return }
    sampler.followsParent = word.hasPrefix("parentbased_")
    if word.hasSuffix("always_on") {
      sampler.root = .always
    } else if word.hasSuffix("always_off") {
      sampler.root = .never
    } else {
      let share = read(argument, "a number from 0 to 1") { Double($0).flatMap { (0...1).contains($0) ? $0 : nil } }
      sampler.root = .ratio(share ?? 1)
    }
  }

  private mutating func readResource(_ export: inout TraceExport) {
    let variable = "OTEL_RESOURCE_ATTRIBUTES"
    var attributes: [String: String] = [:]
    for (key, value) in pairs(variable) ?? [] { attributes[key] = value }
    if let name = text("OTEL_SERVICE_NAME") { attributes["service.name"] = name }
    export.resource = attributes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// Header names that the exporter writes itself, or that would break a request.
  private static let ownHeaders: Set<String> = [
    "host", "content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "te", "upgrade",
  ]

  private mutating func headers(_ variable: String) -> SecretHeaders {
    var fields: [(name: String, value: Secret)] = []
    for (key, value) in pairs(variable) ?? [] {
      let name = key.lowercased()
      if Self.ownHeaders.contains(name) {
        fault(variable, "has the header '\(name)', which the exporter writes itself; take it out")
      } else if !name.utf8.allSatisfy(Self.isTokenByte) {
        fault(variable, "has a name with characters that a header's name may not have; write name=value,name=value")
      } else if !value.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) {
        fault(variable, "has a value for '\(name.prefix(80))' with characters that a header's value may not have")
      } else {
        fields.removeAll { $0.name == name }
        fields.append((name, Secret(value)))
      }
    }
    return SecretHeaders(fields)
  }

  /// The pairs of `key=value,key=value`, values percent-decoded; what is wrong is told without quoting any of it.
  private mutating func pairs(_ variable: String) -> [(key: String, value: String)]? {
    guard let text = text(variable) else { return nil }
    var pairs: [(key: String, value: String)] = []
    for (index, part) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(Self.trimmed)
      if pair.count == 1, pair[0].isEmpty { continue }
      guard pair.count == 2, !pair[0].isEmpty, let key = percentDecoded(pair[0]),
        let value = percentDecoded(pair[1])
      else {
        fault(variable, "entry \(index + 1) is not key=value, with ',' written as %2C and '%' as %25")
        return nil
      }
      pairs.append((key, value))
    }
    return pairs
  }

  private mutating func number(_ variable: String, in range: ClosedRange<Int>) -> Int? {
    read(variable, "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
      Int(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  private mutating func milliseconds(_ variable: String, in range: ClosedRange<Int>) -> Duration? {
    read(variable, "a whole number of milliseconds from \(range.lowerBound) to \(range.upperBound)") { text in
      Int(text).flatMap { range.contains($0) ? .milliseconds($0) : nil }
    }
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }

  /// Whether a header's name may have the byte (RFC 9110, section 5.6.2).
  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}
