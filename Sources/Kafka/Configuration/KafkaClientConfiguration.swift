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
