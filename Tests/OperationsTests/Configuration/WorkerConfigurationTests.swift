import Foundation
import Testing

@testable import Operations

@Suite struct WorkerConfigurationTests {
  private func load(_ yaml: String?, _ environment: [String: String] = [:]) throws -> WorkerConfiguration {
    guard let yaml else { return try WorkerConfiguration.load(path: nil, environment: environment) }
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).yaml")
    try yaml.write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    return try WorkerConfiguration.load(path: file.path, environment: environment, readsAccounts: true)
  }

  private func faults(_ yaml: String?, _ environment: [String: String] = [:]) -> [String] {
    do {
      _ = try load(yaml, environment)
      return []
    } catch let error as ConfigurationError {
      return error.faults.map(\.description)
    } catch {
      return ["\(error)"]
    }
  }

  @Test func theDefaultsNeedOnlyTheBrokers() throws {
    let configuration = try load(nil, ["KAFKA_BOOTSTRAP_SERVERS": "localhost:9092"])
    #expect(configuration.kafka.bootstrapServers == "localhost:9092")
    #expect(configuration.quota.calls == 20)
    #expect(configuration.quota.window == .seconds(60))
    #expect(configuration.dedup.acceptedWindow == .seconds(86_400))
    #expect(configuration.progress.after == .seconds(5))
    #expect(faults(nil).contains { $0.contains("kafka.bootstrapServers") })
  }

  @Test(arguments: [
    "kafka:\n  properties:\n    sasl.password: \"canary-7f3a\n  bootstrapServers: a:1\n",
    "kafka:\n  properties: { sasl.password: canary-7f3a\n",
    "kafka:\n  sasl: canary-7f3a: canary-7f3a\n",
    "kafka:\n  bootstrapServers: canary-7f3a\n  bootstrapServers: canary-7f3a\n",
    "\tcanary-7f3a: %canary-7f3a",
  ])
  func aMalformedFileIsToldByItsPlaceAlone(yaml: String) {
    let faults = faults(yaml)
    #expect(faults.count == 1)
    #expect(faults.allSatisfy { $0.contains("line") && !$0.contains("canary") }, "\(faults)")
  }

  @Test(arguments: ["0s", "99ms", "soon"]) func progressTakesAWhile(after: String) {
    let faults = faults(nil, ["KAFKA_BOOTSTRAP_SERVERS": "b:1", "PROGRESS_AFTER": after])
    #expect(faults.count == 1 && faults[0].contains("progress.after") && faults[0].contains("100ms"), "\(faults)")
  }

  @Test func theEnvironmentOverridesTheFile() throws {
    let yaml =
      "kafka:\n  bootstrapServers: file:1\nquota:\n  calls: 7\n  reservedForKillSwitch: 2\n  trustHeaders: true\nprogress:\n  after: off\n"
    let configuration = try load(yaml, ["QUOTA_CALLS": "9", "API_BASE_URL": "http://127.0.0.1:1"])
    #expect(configuration.kafka.bootstrapServers == "file:1")
    #expect(configuration.quota.calls == 9)
    #expect(configuration.quota.reservedForKillSwitch == 2)
    #expect(configuration.quota.trustHeaders)
    #expect(configuration.progress.after == nil)
    #expect(configuration.api.baseURL == "http://127.0.0.1:1")
  }

  @Test func allFaultsAreToldAtOnce() {
    let yaml = """
      kafka: { bootstrapServers: "b:1", properties: { enable.auto.commit: "true", no.such.property: "1" } }
      quotta: { calls: 3 }
      quota: { calls: 5, reservedForKillSwitch: 5, window: soon }
      api: { baseURL: "http://example.com" }
      topics: { requests: same, results: same }
      admin: { port: 70000, allowedHosts: ["ops.example.com:80"] }
      """
    let found = faults(yaml).joined(separator: "\n")
    for expected in [
      "enable.auto.commit", "no.such.property", "quotta.calls", "did you mean 'quota.calls'",
      "quota.reservedForKillSwitch", "quota.window", "http", "topics.results", "admin.port", "admin.allowedHosts",
    ] {
      #expect(found.contains(expected), "\(expected) is missing in:\n\(found)")
    }
  }

  @Test func faultsOfTheAccountsAreNotToldWhereItIsNotClearWhichAreMeant() throws {
    let found = faults("accounts: { fil: accounts.yaml }", ["KAFKA_BOOTSTRAP_SERVERS": "b:1"])
    #expect(found.count == 1)
  }

  @Test func faultsOfTheAccountsAreToldWithTheOthers() throws {
    let accounts = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).yaml")
    try "accounts: { desk-a: { environment: rael, apiKey: k }, desk-b: { bearerToken: 't t' } }"
      .write(to: accounts, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: accounts) }
    let environment = [
      "KAFKA_BOOTSTRAP_SERVERS": "b:1", "QUOTA_CALLS": "many", "ACCOUNTS_FILE": accounts.path,
    ]
    let error = #expect(throws: ConfigurationError.self) {
      try WorkerConfiguration.load(path: nil, environment: environment, readsAccounts: true)
    }
    let all = error.map { "\($0)" } ?? ""
    for expected in ["quota.calls", "desk-a, environment", "desk-b"] { #expect(all.contains(expected), "\(all)") }
  }

  @Test func theAdminPortsNamesAreRead() throws {
    let environment = ["KAFKA_BOOTSTRAP_SERVERS": "b:1", "ADMIN_ALLOWED_HOSTS": "ops.example.com, .desk.example"]
    #expect(try load(nil, environment).admin.allowedHosts == ["ops.example.com", ".desk.example"])
    let written = "admin: { allowedHosts: \"Ops.Example.com., .Desk.Example\" }"
    #expect(
      try load(written, ["KAFKA_BOOTSTRAP_SERVERS": "b:1"]).admin.allowedHosts == ["ops.example.com", ".desk.example"])
    let listed = "admin: { allowedHosts: [a.example, .b.example] }"
    #expect(try load(listed, ["KAFKA_BOOTSTRAP_SERVERS": "b:1"]).admin.allowedHosts == ["a.example", ".b.example"])
  }

  @Test(arguments: ["ops.example:80", "http://ops.example", ".", "..a", "a b", "*.example"])
  func whatIsNoHostNameIsRefused(name: String) {
    #expect(faults(nil, ["KAFKA_BOOTSTRAP_SERVERS": "b:1", "ADMIN_ALLOWED_HOSTS": name]).count == 1)
  }

  @Test func secretsAreNeverPrinted() throws {
    let environment = ["KAFKA_BOOTSTRAP_SERVERS": "b:1", "KAFKA_PROPERTIES_SASL_PASSWORD": "canary-password"]
    let configuration = try load(nil, environment)
    #expect(configuration.kafka.properties.values["sasl.password"] == "canary-password")
    var dumped = ""
    dump(configuration, to: &dumped)
    #expect(!dumped.contains("canary"))
    #expect(!"\(configuration)".contains("canary"))
    #expect(!"\(configuration.kafkaClient)".contains("canary"))
  }

  @Test(arguments: [("500ms", 500), ("30s", 30_000), ("10m", 600_000), ("24h", 86_400_000), ("0s", 0)])
  func durationsAreRead(text: String, milliseconds: Int64) {
    #expect(Duration(configured: text) == .milliseconds(milliseconds))
  }

  @Test(arguments: ["", "5", "s", "-1s", "1.5s", "1 s", "1S", "99999999999999999999s", "10w"])
  func whatIsNoDurationIsRefused(text: String) {
    #expect(Duration(configured: text) == nil)
  }

  @Test(
    arguments: [
      ("LOG_LEVEL", "INFO"), ("LOG_LEVEL", "warn"), ("LOG_LEVEL", "Fatal"), ("LOG_FORMAT", "JSON"),
      ("BREAKER_MODE", "FailFast"), ("BREAKER_MODE", "fail-fast"), ("DELIVERY_GUARANTEE", "exactly_once"),
      ("DELIVERY_GUARANTEE", "at-least-once"), ("API_ALLOW_PLAINTEXT", "True"), ("METRICS_ACCOUNT_LABELS", "yes"),
      ("PROGRESS_AFTER", "OFF"), ("ETORO_ENVIRONMENT", "REAL"),
    ])
  func oneOfAListIsReadWithoutCase(variable: String, value: String) {
    let found = faults(nil, ["KAFKA_BOOTSTRAP_SERVERS": "b:1", variable: value])
    #expect(found == [])
  }

  @Test func aSynonymIsTheWordItStandsFor() throws {
    let environment = ["KAFKA_BOOTSTRAP_SERVERS": "b:1", "LOG_LEVEL": "WARN", "LOG_FORMAT": "Json"]
    let configuration = try load(nil, environment)
    #expect(configuration.log.level == "warning" && configuration.log.format == "json")
    let found = faults(nil, ["KAFKA_BOOTSTRAP_SERVERS": "b:1", "LOG_LEVEL": "loud"])
    #expect(found.count == 1 && found[0].contains("'warning'"), "\(found)")
  }

  @Test func aVariableOfKubernetesIsToldByItsOrigin() {
    let found = faults(nil, ["KAFKA_BOOTSTRAP_SERVERS": "b:1", "ADMIN_PORT": "tcp://10.96.0.17:9464"])
    #expect(found.count == 1)
    for part in ["ADMIN_PORT", "Service named 'admin'", "enableServiceLinks"] {
      #expect(found.joined().contains(part), "\(found)")
    }
    let written = faults("admin: { port: 'tcp://10.96.0.17:9464' }", ["KAFKA_BOOTSTRAP_SERVERS": "b:1"])
    #expect(written.contains { $0.contains("admin.port") } && !written.joined().contains("Kubernetes"), "\(written)")
  }

  @Test func timeoutsAreCheckedTogether() throws {
    let brokers = ["KAFKA_BOOTSTRAP_SERVERS": "b:1"]
    #expect(try load("api: { timeout: 10s }", brokers).warnings == [])
    let warnings = try load("{ api: { timeout: 11s }, shutdown: { drainTimeout: 10500ms } }", brokers).warnings
    #expect(warnings.count == 1)
    for part in ["shutdown.drainTimeout (10500ms)", "api.timeout (11s)"] { #expect(warnings.joined().contains(part)) }

    #expect(try load("shutdown: { drainTimeout: 98s }", brokers).warnings == [])
    let tooLong = faults("shutdown: { drainTimeout: 99s }", brokers).joined()
    for part in ["shutdown.drainTimeout", "99s", "max.poll.interval.ms (300s)", "longer than 302s"] {
      #expect(tooLong.contains(part), "\(tooLong)")
    }
    let properties = "kafka: { properties: { max.poll.interval.ms: 50000 } }"
    #expect(
      faults("{ \(properties), shutdown: { drainTimeout: 15s } }", brokers).joined()
        .contains("max.poll.interval.ms (50s)"))
    #expect(try load("{ \(properties), shutdown: { drainTimeout: 14s } }", brokers).warnings == [])
  }

  @Test func oneFaultWithoutBrokers() {
    #expect(faults(nil).count == 1)
  }

  @Test func aVariableSetToNothingCountsAsNotSet() throws {
    let configuration = try load("kafka: { bootstrapServers: 'file:1' }", ["KAFKA_BOOTSTRAP_SERVERS": ""])
    #expect(configuration.kafka.bootstrapServers == "file:1")
  }

  @Test(
    arguments: [
      ("QUOTA_CALL", "QUOTA_CALLS"), ("ADMIN_PROT", "ADMIN_PORT"), ("LOG_LEVLE", "LOG_LEVEL"),
      ("API_BASEURL", "API_BASE_URL"), ("ETORO_USERKEY", "ETORO_USER_KEY"), ("ETORO_ENVIROMENT", "ETORO_ENVIRONMENT"),
      ("REQUEST_MAX_PENDNIG", "REQUEST_MAX_PENDING"),
    ])
  func aMisspeltVariableIsToldWithItsName(variable: String, meant: String) throws {
    let configuration = try load(nil, ["KAFKA_BOOTSTRAP_SERVERS": "b:1", variable: "canary"])
    #expect(configuration.warnings.count == 1)
    let warning = configuration.warnings.joined()
    #expect(warning.contains("\(variable) ") && warning.contains(meant) && !warning.contains("canary"), "\(warning)")
  }

  @Test func variablesOfOthersAreTheirs() throws {
    var environment = ["KAFKA_BOOTSTRAP_SERVERS": "b:1", "ETORO_API_KEY": "k", "ETORO_USER_KEY": "u"]
    for name in [
      "PATH", "HOME", "KAFKA_HOME", "KAFKA_OPTS", "KAFKA_HEAP_OPTS", "KAFKA_BROKERS", "API_KEY", "API_URL", "API_HOST",
      "LOG_DIR", "LOG_FILE", "LOG_PATH", "ADMIN_PORT_9464_TCP", "ADMIN_SERVICE_HOST", "ADMIN_USER", "ADMIN_PASSWORD",
      "ETORO_API_KEY_2", "ETORO_API_KEYS", "ETORO_DESK_A", "TOPIC", "WORKER_ID", "QUOTA", "METRICS_PORT", "ACCOUNTS",
      "KAFKA_PROPERTIES_SASL_USERNAME",
    ] { environment[name] = "x" }
    environment["KAFKA_PROPERTIES_SASL_USERNAME"] = nil
    #expect(try load(nil, environment).warnings == [])
  }
}
