import CancelAPI
import Operations

extension FuzzTarget {
  /// Accounts files: read, or refused with faults that repeat no secret.
  public static let accounts = FuzzTarget(name: "accounts") { random in
    let isYAML = random.oneIn(2)
    let entries = (0..<1 + random.below(4)).map { number in
      let environment = random.pick(["demo", "real"])
      let secrets = random.pick([
        "\"apiKey\": \"\(secret)\", \"userKey\": \"\(secret)\"", "\"bearerToken\": \"\(secret)\"",
        "\"apiKey\": \"env:DESK\", \"userKey\": \"\(secret)\"", "\"bearerToken\": \"env:NONE\"",
      ])
      return "\"desk-\(number)\": {\"environment\": \"\(environment)\", \(secrets)}"
    }
    var text = isYAML ? "accounts:\n  " : "{\"accounts\": {"
    text += entries.joined(separator: isYAML ? "\n  " : ",") + (isYAML ? "\n" : "}}")
    let bytes = random.oneIn(3) ? Array(text.utf8) : Mutation.spoil(Array(text.utf8), &random)
    guard let spoilt = String(validating: bytes, as: UTF8.self) else { return .refused }
    var reader = AccountsReader(path: "/nowhere/accounts.yaml", environment: ["DESK": secret])
    let accounts = reader.read(spoilt)
    // A fault names the variable or file that it is about, whatever its name.
    let told =
      reader.faults.map(\.description).filter { !$0.contains("variable") && !$0.contains("/nowhere/") }
      .joined(separator: "\n") + "\(accounts)"
    return verdict(
      reader.faults.isEmpty, unless: told.contains(secret) ? "a secret is shown: \(told)" : nil, input: bytes)
  }

  /// The configuration from the environment: read, or refused with faults that name their keys.
  public static let configuration = FuzzTarget(name: "configuration") { random in
    var environment = ["KAFKA_BOOTSTRAP_SERVERS": "localhost:9092"]
    for _ in 0..<random.below(4) {
      let value = String(decoding: Mutation.spoil(Array(random.pick(values).utf8), &random), as: UTF8.self)
      environment[random.pick(names)] = random.oneIn(3) ? random.pick(values) : value
    }
    environment["KAFKA_PROPERTIES_SASL_PASSWORD"] = secret
    environment["OTEL_EXPORTER_OTLP_HEADERS"] = (random.oneIn(3) ? "" : "authorization=Bearer%20") + secret
    if random.oneIn(2) { environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://collector:4318" }
    do throws(ConfigurationError) {
      let configuration = try WorkerConfiguration.load(path: nil, environment: environment)
      let told = "\(configuration)"
      return verdict(
        true, unless: told.contains(secret) ? "a secret is shown: \(told)" : nil, input: Array("\(environment)".utf8))
    } catch {
      let isProper = !error.faults.isEmpty && error.faults.allSatisfy { !$0.key.isEmpty && !$0.message.isEmpty }
      let told = "\(error)"
      let violation = told.contains(secret) ? "a secret is shown" : isProper ? nil : "a fault names nothing: \(told)"
      return verdict(false, unless: violation, input: Array("\(environment)".utf8))
    }
  }

  private static let secret = "canary-5e77"
  private static let names = [
    "API_BASE_URL", "API_TIMEOUT", "API_CONNECTIONS", "QUOTA_CALLS", "QUOTA_WINDOW", "QUOTA_RESERVED_FOR_KILL_SWITCH",
    "REQUEST_MAX_PENDING", "REQUEST_MAX_BYTES", "REQUEST_ECHO_HEADERS", "PROGRESS_AFTER", "BREAKER_MODE", "ADMIN_PORT",
    "ADMIN_HOST", "DELIVERY_GUARANTEE", "DEDUP_ACCEPTED_WINDOW", "LOG_LEVEL", "LOG_FORMAT", "TOPICS_REQUESTS",
    "TOPICS_PARTITIONS", "KAFKA_BOOTSTRAP_SERVERS", "KAFKA_PROPERTIES_LINGER_MS", "KAFKA_PROPERTIES_NO_SUCH",
    "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_BSP_MAX_QUEUE_SIZE",
  ]
  private static let values = [
    "", "0", "1", "-1", "20", "60s", "500ms", "24h", "1e9", "99999999999999999999", "true", "off", "exactlyOnce",
    "hold",
    "debug", "json", "https://example.com", "http://127.0.0.1:8080", "http://[::1]:1/x", "a,b", "order-cancel.requests",
  ]
}
