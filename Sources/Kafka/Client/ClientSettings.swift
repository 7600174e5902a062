import CRdkafka

/// The properties of one kind of client: defaults that the operator may change, and settings that nobody may.
struct ClientSettings {
  /// Applied first.
  var defaults: [String: String] = [:]
  /// Applied after the operator's.
  var fixed: [String: String] = [:]

  /// For every client: nothing waits for Nagle, a dead address or a long back-off.
  static let commonDefaults: [String: String] = [
    "socket.nagle.disable": "true",
    "socket.keepalive.enable": "true",
    "socket.connection.setup.timeout.ms": "5000",
    "reconnect.backoff.max.ms": "2000",
    "topic.metadata.refresh.interval.ms": "30000",
  ]

  /// The configuration, owned by the caller until `rd_kafka_new` takes it.
  func makeConfiguration(for client: KafkaClientConfiguration, logLevel: Int) throws -> OpaquePointer {
    guard client.namesBroker else {
      throw KafkaError(
        code: .invalidArgument, message: "no broker is named; give host:port", operation: "configuration", isFatal: true
      )
    }
    guard let conf = rd_kafka_conf_new() else {
      throw KafkaError(code: .invalidArgument, message: "out of memory", operation: "configuration", isFatal: true)
    }
    let always = [
      "bootstrap.servers": client.bootstrapServers, "client.id": client.clientID, "log_level": String(logLevel),
    ]
    do {
      for layer in [Self.commonDefaults, defaults, client.properties, fixed, always] {
        for (name, value) in layer { try Self.set(name, value, on: conf) }
      }
    } catch {
      rd_kafka_conf_destroy(conf)
      throw error
    }
    return conf
  }

  private static func set(_ name: String, _ value: String, on conf: OpaquePointer) throws {
    var text = [CChar](repeating: 0, count: 512)
    guard rd_kafka_conf_set(conf, name, value, &text, text.count) != RD_KAFKA_CONF_OK else { return }
    let reason =
      KafkaClientConfiguration.isSensitive(name) ? "librdkafka does not accept its value" : String(nulTerminated: text)
    throw KafkaError(code: .invalidArgument, message: "\(name): \(reason)", operation: "configuration", isFatal: true)
  }
}
