import CancelAPI
import CancelCore
import Operations

/// A decoder and its promises: makes one input from the random generator, and judges what the decoder does with it.
public struct FuzzTarget: Sendable {
  /// The verdict on one input.
  public enum Verdict: Hashable, Sendable {
    /// The input was read, and rightly so.
    case accepted
    /// The input was refused, and properly so.
    case refused
    /// A promise was broken; says which, and shows the input.
    case violated(String)
  }

  /// The name on the command line.
  public let name: String
  /// Tries one input.
  public let attempt: @Sendable (inout SplitMix64) -> Verdict

  /// A target of that name.
  public init(name: String, attempt: @escaping @Sendable (inout SplitMix64) -> Verdict) {
    self.name = name
    self.attempt = attempt
  }

  /// The decoders of the contract.
  public static let contract: [FuzzTarget] = [.request, .result, .progress, .problem, .json]

  /// All decoders that take what others wrote.
  public static let all: [FuzzTarget] = contract + [.ledger, .answer, .accounts, .configuration]

  /// The verdict for a check that may fail.
  static func verdict(_ accepted: Bool, unless violation: String?, input: @autoclosure () -> [UInt8]) -> Verdict {
    guard let violation else { return accepted ? .accepted : .refused }
    return .violated("\(violation); input: \(printable(input()))")
  }

  /// Bytes for people: as text where they are UTF-8 without control characters, else in hexadecimal.
  static func printable(_ bytes: [UInt8]) -> String {
    let shown = Array(bytes.prefix(2048))
    if let text = String(validating: shown, as: UTF8.self), !text.utf8.contains(where: { $0 < 0x20 }) { return text }
    return shown.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// Many inputs against one target.
///
/// Input number `i` comes from the seed `seed + i` alone, so that a violation is repeated by one run with that seed.
public struct FuzzRun: Sendable {
  /// What the run found.
  public struct Report: Hashable, Sendable, CustomStringConvertible {
    /// The target's name.
    public var target: String
    /// Inputs that were tried.
    public var runs = 0
    /// Inputs that were read.
    public var accepted = 0
    /// Inputs that were refused.
    public var refused = 0
    /// The seed and the sentence of each broken promise, at most ten.
    public var violations: [String] = []

    /// The figures in one line.
    public var description: String {
      "target=\(target) runs=\(runs) accepted=\(accepted) refused=\(refused) violations=\(violations.count)"
    }
  }

  /// The target.
  public var target: FuzzTarget
  /// How many inputs to try.
  public var runs: Int
  /// The first input's seed.
  public var seed: UInt64

  /// A run with the given members.
  public init(target: FuzzTarget, runs: Int, seed: UInt64) {
    self.target = target
    self.runs = runs
    self.seed = seed
  }

  /// Tries all inputs, or stops at the tenth broken promise.
  ///
  /// - Parameter progress: Called with the figures so far, every `interval` inputs.
  public func perform(every interval: Int = .max, progress: (Report) -> Void = { _ in }) -> Report {
    var report = Report(target: target.name)
    for index in 0..<runs {
      let seed = seed &+ UInt64(index)
      var random = SplitMix64(seed: seed)
      report.runs += 1
      switch target.attempt(&random) {
      case .accepted: report.accepted += 1
      case .refused: report.refused += 1
      case .violated(let sentence):
        report.violations.append("seed \(seed): \(sentence)")
        if report.violations.count == 10 { return report }
      }
      if report.runs.isMultiple(of: interval) { progress(report) }
    }
    return report
  }
}

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
