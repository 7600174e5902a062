import CancelAPI
import CancelCore
import Foundation
import Kafka

extension WorkerConfiguration {
  /// Reads the configuration: a YAML or JSON file, where one is named, overridden by environment variables.
  ///
  /// - Parameter readsAccounts: whether the accounts are read too where there are faults, so that theirs are told with
  ///   the others; without other faults whoever needs the accounts finds theirs.
  /// - Throws: ``ConfigurationError`` with every fault at once.
  public static func load(
    path: String?, environment: [String: String], readsAccounts: Bool = false
  ) throws(ConfigurationError) -> WorkerConfiguration {
    let file = try path.map { (path) throws(ConfigurationError) in try ConfigurationFile(path: path) }
    var values = ConfigurationValues(file: file, environment: environment)
    var configuration = WorkerConfiguration()
    configuration.readSections(&values)
    configuration.readProperties(&values, file: file, environment: environment)
    configuration.readProxy(&values, environment: environment)
    configuration.readTraces(&values, environment: environment)
    for fault in file?.faults ?? [] { values.add(fault) }
    configuration.reportUnknownKeys(&values, file: file)
    configuration.warnOfMisspeltVariables(known: values.known, environment)
    configuration.checkTogether(&values)
    do {
      _ = try configuration.apiClient()
    } catch {
      for fault in error.faults { values.add(fault) }
    }
    guard values.faults.isEmpty else {
      if readsAccounts { configuration.reportAccounts(&values, environment: environment) }
      throw ConfigurationError(faults: values.faults)
    }
    return configuration
  }

  /// Adds the faults of the accounts, unless it isn't clear where they come from.
  private func reportAccounts(_ values: inout ConfigurationValues, environment: [String: String]) {
    guard !values.faults.contains(where: { $0.key.hasPrefix("accounts") }) else { return }
    do {
      _ = try AccountsSource(self, environment: environment).load()
    } catch {
      for fault in error.faults {
        values.add(.init(key: "accounts", message: fault.description, origin: accounts.file ?? "environment"))
      }
    }
  }

  private mutating func readSections(_ values: inout ConfigurationValues) {
    values.read("kafka.bootstrapServers", into: &kafka.bootstrapServers)
    values.read("consumer.groupID", into: &consumer.groupID)
    worker.instanceID = ProcessInfo.processInfo.hostName
    values.read("worker.instanceID", into: &worker.instanceID)
    values.read("topics.requests", into: &topics.names.requests)
    values.read("topics.results", into: &topics.names.results)
    values.read("topics.ledger", into: &topics.names.ledger)
    values.read("topics.deadLetters", into: &topics.names.deadLetters)
    values.read("topics.progress", into: &topics.names.progress)
    values.read("topics.campaigns", into: &topics.names.campaigns)
    values.read("topics.confirmations", into: &topics.names.confirmations)
    values.read("topics.control", into: &topics.names.control)
    values.read("topics.partitions", into: &topics.partitions, in: 1...100_000)
    values.read("topics.replicationFactor", into: &topics.replicationFactor, in: -1...100)
    values.read(
      "delivery.guarantee", into: &delivery.guarantee,
      from: ["exactlyOnce": .exactlyOnce, "atLeastOnce": .atLeastOnce])
    values.read("dedup.acceptedWindow", into: &dedup.acceptedWindow, atLeast: .zero)
    values.read("dedup.rejectedWindow", into: &dedup.rejectedWindow, atLeast: .zero)
    values.read("api.baseURL", into: &api.baseURL)
    values.read("api.timeout", into: &api.timeout, atLeast: .milliseconds(1))
    values.read("api.connections", into: &api.connections, in: 1...10_000)
    values.read("api.realPath", into: &api.realPath)
    values.read("api.demoPath", into: &api.demoPath)
    values.read("api.realPortfolioPath", into: &api.realPortfolioPath)
    values.read("api.demoPortfolioPath", into: &api.demoPortfolioPath)
    values.read("api.realLookupPath", into: &api.realLookupPath)
    values.read("api.demoLookupPath", into: &api.demoLookupPath)
    values.read("api.allowPlaintext", into: &api.allowPlaintext)
    values.read("api.caFile", into: &api.caFile)
    values.read("api.clientCertificate", into: &api.clientCertificate)
    values.read("api.clientKey", into: &api.clientKey)
    values.read("accounts.file", into: &accounts.file)
    values.read("accounts.default", into: &accounts.defaultAccount)
    values.read("quota.calls", into: &quota.calls, in: 0...1_000_000)
    values.read("quota.window", into: &quota.window, atLeast: .milliseconds(1))
    values.read("quota.reservedForKillSwitch", into: &quota.reservedForKillSwitch, in: 0...1_000_000)
    values.read("quota.trustHeaders", into: &quota.trustHeaders)
    values.read("quota.afterTakeover", into: &quota.afterTakeover, from: ["probe": .probe, "wait": .wait])
    values.read("quota.lists", into: &quota.lists, in: 0...1_000_000)
    values.read("quota.lookups", into: &quota.lookups, in: 0...1_000_000)
    values.read("quota.readWindow", into: &quota.readWindow, atLeast: .milliseconds(1))
    values.read("confirm.mode", into: &confirm.mode, from: ["off": false, "after": true])
    values.read("confirm.within", into: &confirm.within, atLeast: .seconds(1))
    values.read("campaigns.retention", into: &campaigns.retention, atLeast: .seconds(1))
    readBehaviour(&values)
  }

  private mutating func readBehaviour(_ values: inout ConfigurationValues) {
    values.read("request.routineDeadline", into: &request.routineDeadline, atLeast: .milliseconds(1))
    values.read("request.killSwitchDeadline", into: &request.killSwitchDeadline, atLeast: .milliseconds(1))
    values.read("request.maxPending", into: &request.maxPending, in: 1...100_000_000)
    values.read("request.maxBytes", into: &request.maxBytes, in: 64...16_777_216)
    values.read("request.echoHeaders", into: &request.echoHeaders, expecting: "a list of header names") { text in
      text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    let patience = "a duration of at least 100ms, such as 5s, or 'off'"
    values.read("progress.after", into: &progress.after, expecting: patience) { text in
      if ["off", "none", "never", "false"].contains(text.lowercased()) { return .some(nil) }
      guard let after = Duration(configured: text), after >= .milliseconds(100) else { return nil }
      return .some(after)
    }
    values.read("breaker.mode", into: &breaker.mode, from: ["failFast": .failFast, "hold": .hold])
    values.read("admin.host", into: &admin.host)
    values.read("admin.port", into: &admin.port, in: 0...65_535)
    let names = "a list of host names without ports, '.example.com' for every name below example.com"
    values.read("admin.allowedHosts", into: &admin.allowedHosts, expecting: names) { text in
      let hosts = text.split(separator: ",").map { host in
        let name = host.trimmingCharacters(in: .whitespaces).lowercased()
        return name.hasSuffix(".") ? String(name.dropLast()) : name
      }
      return hosts.allSatisfy(HostGuard.isName) ? hosts : nil
    }
    values.read(
      "log.level", into: &log.level,
      from: [
        "trace": "trace", "debug": "debug", "info": "info", "notice": "notice", "warning": "warning", "error": "error",
        "critical": "critical",
      ],
      synonyms: [
        "verbose": "trace", "information": "info", "warn": "warning", "err": "error", "crit": "critical",
        "fatal": "critical",
      ])
    values.read(
      "log.format", into: &log.format, from: ["text": "text", "json": "json"],
      synonyms: ["plain": "text", "logfmt": "text", "console": "text", "jsonl": "json", "ndjson": "json"])
    values.read("shutdown.drainTimeout", into: &shutdown.drainTimeout, atLeast: .zero)
    values.read("metrics.accountLabels", into: &metrics.accountLabels)
  }

  private func reportUnknownKeys(_ values: inout ConfigurationValues, file: ConfigurationFile?) {
    guard let file else { return }
    let nearest = NearestKey(known: values.known.sorted())
    for (key, entry) in file.entries.sorted(by: { $0.key < $1.key }) where !values.known.contains(key) {
      let hint = nearest.suggestion(for: key).map { ": did you mean '\($0)'?" } ?? ": take it out"
      values.add(.init(key: key, message: "no such key\(hint)", origin: "\(file.path), line \(entry.line)"))
    }
  }

  /// Warns of environment variables that are probably misspelt ones of ours; the value may be a secret and is not named.
  private mutating func warnOfMisspeltVariables(known: Set<String>, _ environment: [String: String]) {
    let ours =
      known.map(ConfigurationValues.variable(for:)) + Self.accountVariables + TraceExportReader.variables
    let nearest = NearestKey(known: ours.sorted())
    let prefix = "KAFKA_PROPERTIES_"
    let read = Set(ours + TraceExportReader.others)
    for variable in environment.keys.sorted() where !read.contains(variable) && !variable.hasPrefix(prefix) {
      if let name = nearest.misspelt(variable, isSet: { environment[$0] != nil }) {
        warnings.append("the environment variable \(variable) is not read: did you mean \(name)?")
      }
    }
  }

  private mutating func readTraces(_ values: inout ConfigurationValues, environment: [String: String]) {
    var reader = TraceExportReader(environment: environment)
    traces = reader.read()
    warnings += reader.warnings
    for fault in reader.faults { values.add(fault) }
  }

  /// The variables from which the one account comes where there is no accounts file.
  private static let accountVariables = [
    "ETORO_API_KEY", "ETORO_USER_KEY", "ETORO_BEARER_TOKEN", "ETORO_ENVIRONMENT",
  ]

  /// The rules between values.
  private mutating func checkTogether(_ values: inout ConfigurationValues) {
    if kafka.bootstrapServers.isEmpty {
      values.fault("kafka.bootstrapServers", "is required: give the brokers as host:port, separated by commas")
    }
    if quota.calls > 0 && quota.reservedForKillSwitch >= quota.calls {
      values.fault(
        "quota.reservedForKillSwitch", "must be less than quota.calls (\(quota.calls)), or routine requests never go")
    }
    checkTimeouts(&values)
    let names = topics.names
    let all = [
      ("topics.requests", names.requests), ("topics.results", names.results), ("topics.ledger", names.ledger),
      ("topics.deadLetters", names.deadLetters), ("topics.progress", names.progress),
      ("topics.campaigns", names.campaigns), ("topics.confirmations", names.confirmations),
      ("topics.control", names.control),
    ]
    for (index, (key, name)) in all.enumerated() {
      if let (other, _) = all[..<index].first(where: { $0.1 == name }) {
        values.fault(key, "is the same topic as \(other): each needs its own")
      }
      if !WorkerConfiguration.isTopicName(name) {
        values.fault(key, "'\(name.prefix(80))' is not a topic's name: up to 249 letters, digits, '.', '_' and '-'")
      }
    }
    for (key, value) in [("consumer.groupID", consumer.groupID), ("worker.instanceID", worker.instanceID)]
    where value.utf8.count > 200 || !WorkerConfiguration.isTopicName(value) {
      values.fault(key, "'\(value.prefix(80))' is not an id: 1 to 200 letters, digits, '.', '_' and '-'")
    }
  }

  /// A stop waits for calls, and a rebalance for the worker, which gives partitions up in three steps of a drain each.
  private mutating func checkTimeouts(_ values: inout ConfigurationValues) {
    let drain = shutdown.drainTimeout
    if drain < api.timeout {
      warnings.append(
        "shutdown.drainTimeout (\(drain.configured)) is shorter than api.timeout (\(api.timeout.configured)): a stop "
          + "leaves calls behind whose outcome is unknown, and the next owner sends them again. Make it longer")
    }
    let rebalance = "max.poll.interval.ms"
    let (set, usual) = (kafka.properties.values[rebalance].flatMap { Int64($0) }, Int64(300_000))
    let limit = Duration.milliseconds(set ?? usual)
    let revocation = drain * 3 + .seconds(5)
    if revocation >= limit {
      values.fault(
        "shutdown.drainTimeout",
        "\(drain.configured) is too long for kafka.properties.\(rebalance) (\(limit.configured)): giving partitions up may "
          + "take three times as long and 5s, and the group goes on without the worker before. Make it shorter, or the "
          + "other longer than \(revocation.configured)")
    }
  }

  private static func isTopicName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 249 && name != "." && name != ".."
      && name.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || byte == 0x2E || byte == 0x5F || byte == 0x2D
      }
  }
}

extension WorkerConfiguration {
  /// Properties whose values are secrets, and may be given as `file:PATH` or `env:NAME`.
  static let secretProperties: Set<String> = [
    "sasl.password", "ssl.key.password", "ssl.key.pem", "ssl.keystore.password", "sasl.oauthbearer.client.secret",
  ]

  /// Takes `kafka.properties.*` from the file, and `KAFKA_PROPERTIES_*` from the environment: its underscores stand for
  /// dots.
  mutating func readProperties(
    _ values: inout ConfigurationValues, file: ConfigurationFile?, environment: [String: String]
  ) {
    for (name, entry) in file?.properties ?? [:] {
      kafka.properties.values[name] = entry.texts.joined(separator: ",")
    }
    let prefix = "KAFKA_PROPERTIES_"
    for (variable, value) in environment where variable.hasPrefix(prefix) {
      let name = variable.dropFirst(prefix.count).lowercased().replacingOccurrences(of: "_", with: ".")
      kafka.properties.values[name] = value
    }
    for name in kafka.properties.values.keys.sorted() {
      resolveSecret(name, &values, environment)
    }
    for (name, reason) in KafkaClientConfiguration.promiseBreakingProperties.sorted(by: { $0.key < $1.key })
    where kafka.properties.values[name] != nil {
      values.add(.init(key: "kafka.properties.\(name)", message: "may not be set: \(reason)"))
    }
    for fault in kafkaClient.validate()
    where KafkaClientConfiguration.promiseBreakingProperties[fault.property] == nil {
      if fault.property == "bootstrapServers" {
        // None at all is told with the rules between values.
        if !kafka.bootstrapServers.isEmpty { values.fault("kafka.bootstrapServers", fault.message) }
      } else {
        values.add(.init(key: "kafka.properties.\(fault.property)", message: fault.message))
      }
    }
  }

  private mutating func resolveSecret(
    _ name: String, _ values: inout ConfigurationValues, _ environment: [String: String]
  ) {
    guard WorkerConfiguration.secretProperties.contains(name), let text = kafka.properties.values[name] else { return }
    if text.hasPrefix("env:") {
      let variable = String(text.dropFirst(4))
      guard let value = environment[variable] else {
        return values.add(.init(key: "kafka.properties.\(name)", message: "the variable \(variable) is not set"))
      }
      kafka.properties.values[name] = value
    } else if text.hasPrefix("file:") {
      let path = String(text.dropFirst(5))
      guard let value = try? String(contentsOfFile: path, encoding: .utf8) else {
        return values.add(.init(key: "kafka.properties.\(name)", message: "the file \(path) can't be read"))
      }
      kafka.properties.values[name] = value.trimmingCharacters(in: .newlines)
    }
  }

  /// How the Kafka clients are configured.
  public var kafkaClient: KafkaClientConfiguration {
    KafkaClientConfiguration(
      bootstrapServers: kafka.bootstrapServers, clientID: "cancel-worker-\(worker.instanceID)",
      properties: kafka.properties.values)
  }
}
