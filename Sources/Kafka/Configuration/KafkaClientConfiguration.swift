import CRdkafka

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// How to reach a cluster, shared by every client of this module.
///
/// The values of `properties` may be secrets: neither the description nor reflection shows them.
public struct KafkaClientConfiguration: Sendable {
  /// The brokers to begin with, `host:port` separated by commas.
  public var bootstrapServers: String
  /// The name under which the brokers log and count these clients.
  public var clientID: String
  /// librdkafka's properties as the operator gives them: TLS, SASL, timeouts. See `promiseBreakingProperties` for those
  /// that are not for the operator to set.
  public var properties: [String: String]

  /// A configuration for the given brokers.
  public init(bootstrapServers: String, clientID: String, properties: [String: String] = [:]) {
    self.bootstrapServers = bootstrapServers
    self.clientID = clientID
    self.properties = properties
  }

  /// Whether a property's value is kept out of every text.
  static func isSensitive(_ property: String) -> Bool {
    property.hasPrefix("sasl.") || property.hasPrefix("ssl.")
      || ["password", "secret", "token", "key", "pem", "credential"].contains { property.contains($0) }
  }

  /// The values that may not show up in a log line, longest first.
  var secrets: [String] {
    properties.filter { Self.isSensitive($0.key) && $0.value.utf8.count >= 4 }
      .filter { !Self.isPlainWord(property: $0.key) }
      .map(\.value).sorted { $0.utf8.count > $1.utf8.count }
  }

  /// What librdkafka says of a property, without its value where that may be a secret.
  static func reason(_ text: String, for property: String, value: String) -> String {
    guard isSensitive(property) else { return text }
    let masked = SecretMask([value]).masked(text)
    // A value too short for the mask is quoted as a whole.
    return value.isEmpty ? masked : masked.replacing("\"\(value)\"", with: "\"\(SecretMask.mark)\"")
  }

  /// Names under `ssl.` and `sasl.` whose values are choices or places and no secrets.
  private static func isPlainWord(property: String) -> Bool {
    property.hasSuffix(".location") || property.hasSuffix("mechanism") || property.hasSuffix("mechanisms")
      || property.hasSuffix(".algorithm") || property.hasSuffix(".suites") || property.hasSuffix(".method")
      || property.hasSuffix(".ms") || property == "sasl.kerberos.service.name"
  }
}

extension KafkaClientConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The brokers, the client's name and the names (never the values) of the properties.
  public var description: String {
    "KafkaClientConfiguration(bootstrapServers: \(bootstrapServers), clientID: \(clientID), "
      + "properties: \(properties.keys.sorted()))"
  }

  /// The same as `description`.
  public var debugDescription: String { description }

  /// Reflects the same parts as `description`.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "bootstrapServers": bootstrapServers, "clientID": clientID, "properties": properties.keys.sorted(),
      ])
  }
}

extension KafkaClientConfiguration {
  /// The properties that may not be set from outside, each with the reason for people.
  ///
  /// They decide what is delivered, what is read and what is committed; aliases of librdkafka's are among them.
  public static let promiseBreakingProperties: [String: String] = [
    "bootstrap.servers": "has a key of its own",
    "metadata.broker.list": "is the older name of bootstrap.servers, which has a key of its own",
    "client.id": "is named after the instance",
    "group.id": "has a key of its own",
    "group.instance.id": "follows from the instance, so that a restart causes no rebalance",
    "transactional.id": "follows from the instance, so that a successor fences its predecessor",
    "enable.idempotence": "must be on: without it a retry can repeat or reorder records",
    "acks": "must be 'all': anything less loses records when a broker fails",
    "request.required.acks": "is the older name of acks, which must be 'all'",
    "enable.gapless.guarantee": "would turn a passing fault into a fatal one",
    "isolation.level": "must be 'read_committed': aborted records are no records",
    "enable.auto.commit": "must be off: positions move only together with what was done",
    "auto.commit.enable": "is the older name of enable.auto.commit, which must be off",
    "enable.auto.offset.store": "must be off: positions move only together with what was done",
    "auto.offset.reset": "is decided by the consumer: a position outside of the log must not rewind it",
    "offset.store.method": "must be the broker",
    "partition.assignment.strategy": "must be 'range': like-numbered partitions of several topics belong together",
    "enable.partition.eof": "is set where the end of a partition matters",
    "delivery.report.only.error": "is set as each producer needs it",
    "log.queue": "would keep the client's messages from the log",
    "log_level": "follows from the log's level",
    "enabled_events": "is set as each client needs it",
    "test.mock.num.brokers": "would replace the brokers by an embedded cluster",
    "allow.auto.create.topics": "is off: a mistyped topic must be an error",
  ]
}

extension KafkaClientConfiguration {
  /// One thing that is wrong with a configuration.
  public struct Fault: Sendable, Hashable, CustomStringConvertible {
    /// The property's name, or `bootstrapServers` or `clientID`.
    public var property: String
    /// What is wrong, and what to do. Never holds the value of a property that may be secret.
    public var message: String

    /// A fault of a property.
    public init(property: String, message: String) {
      self.property = property
      self.message = message
    }

    /// `property: message`.
    public var description: String { "\(property): \(message)" }
  }

  /// Asks librdkafka about every property, connecting to nothing. Empty means that a client can be made of it.
  public func validate() -> [Fault] {
    var faults: [Fault] = []
    if !namesBroker {
      faults.append(Fault(property: "bootstrapServers", message: "names no broker; give host:port"))
    }
    guard let scratch = rd_kafka_conf_new() else { return faults }
    let known = Self.knownProperties(of: scratch)
    for (name, value) in properties.sorted(by: { $0.key < $1.key }) {
      if let reason = Self.promiseBreakingProperties[name] {
        faults.append(Fault(property: name, message: "can't be set here: it \(reason)"))
      } else if name.hasSuffix(".location"), value != "probe", access(value, R_OK) != 0 {
        faults.append(Fault(property: name, message: "names a file that can't be read: \(value)"))
      } else if let message = Self.apply(name, value, to: scratch, known: known) {
        faults.append(Fault(property: name, message: message))
      }
    }
    faults += missingFeatures(KafkaLibrary.features, version: KafkaLibrary.version)
      .filter { missing in !faults.contains { $0.property == missing.property } }
    guard faults.isEmpty else {
      rd_kafka_conf_destroy(scratch)
      return faults
    }
    return faultsOfWhole(scratch)
  }

  var namesBroker: Bool { !bootstrapServers.allSatisfy { $0 == " " || $0 == "," } }

  /// Sets one property on the scratch configuration; what is wrong, if something is.
  private static func apply(_ name: String, _ value: String, to scratch: OpaquePointer, known: [String]) -> String? {
    var text = [CChar](repeating: 0, count: 512)
    let result = rd_kafka_conf_set(scratch, name, value, &text, text.count)
    if result == RD_KAFKA_CONF_OK { return nil }
    if result == RD_KAFKA_CONF_UNKNOWN {
      if let nearest = nearest(to: name, among: known) {
        return "is unknown to librdkafka; did you mean \(nearest)?"
      }
      return "is unknown to librdkafka"
    }
    return reason(String(nulTerminated: text), for: name, value: value)
  }

  /// Makes a client without brokers, for what shows only in the whole: missing files, conflicting properties.
  private func faultsOfWhole(_ scratch: OpaquePointer) -> [Fault] {
    var text = [CChar](repeating: 0, count: 512)
    rd_kafka_conf_set(scratch, "log_level", "0", nil, 0)
    guard let client = rd_kafka_new(RD_KAFKA_CONSUMER, scratch, &text, text.count) else {
      rd_kafka_conf_destroy(scratch)
      return [Fault(property: "properties", message: SecretMask(secrets).masked(String(nulTerminated: text)))]
    }
    rd_kafka_destroy(client)
    return []
  }

  /// Every name that librdkafka knows, the defaults of topics included.
  private static func knownProperties(of configuration: OpaquePointer) -> [String] {
    var count = 0
    guard let dump = rd_kafka_conf_dump(configuration, &count) else { return [] }
    defer { rd_kafka_conf_dump_free(dump, count) }
    var names = stride(from: 0, to: count, by: 2).compactMap { dump[$0].map { String(cString: $0) } }
    names += ["group.id", "sasl.username", "sasl.password", "ssl.ca.location", "ssl.key.location", "ssl.key.password"]
    names += ["ssl.certificate.location", "compression.type", "message.timeout.ms", "partitioner"]
    return names.filter { promiseBreakingProperties[$0] == nil }
  }

  /// The known name that needs the fewest changes, if it needs few.
  private static func nearest(to name: String, among known: [String]) -> String? {
    let distances = known.map { (name: $0, distance: editDistance(Array(name.utf8), Array($0.utf8))) }
    guard let best = distances.min(by: { $0.distance < $1.distance }), best.distance <= max(2, name.utf8.count / 4)
    else { return nil }
    return best.name
  }

  private static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
    var previous = Array(0...right.count)
    for (row, character) in left.enumerated() {
      var current = [row + 1]
      for (column, other) in right.enumerated() {
        let substitution = previous[column] + (character == other ? 0 : 1)
        current.append(min(previous[column + 1] + 1, current[column] + 1, substitution))
      }
      previous = current
    }
    return previous[right.count]
  }
}
