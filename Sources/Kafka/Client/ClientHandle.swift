import CRdkafka
import Logging

/// Owns one client of librdkafka's (`rd_kafka_t`), and everything that its callbacks need.
///
/// `@unchecked`: `rd_kafka_t` may be used from any thread; the fields never change. Freed when the last one lets go,
/// on a thread of its own, since that waits for librdkafka's threads.
final class ClientHandle: @unchecked Sendable {
  enum Kind {
    /// A consumer in a group. Callbacks come on the thread that polls.
    case groupMember
    /// A consumer without a group. Callbacks come on librdkafka's background thread.
    case reader
    /// A producer. Callbacks come on librdkafka's background thread.
    case producer
  }

  let pointer: OpaquePointer
  private let kind: Kind
  private let context: ClientContext
  private let destroyed: Completion

  init(
    _ kind: Kind, _ configuration: KafkaClientConfiguration, settings: ClientSettings, callbacks: any ClientCallbacks,
    logger: Logger, destroyed: Completion = Completion()
  ) throws(KafkaError) {
    let log = ClientLog(logger: logger, secrets: configuration.secrets)
    let context = ClientContext(log: log, callbacks: callbacks)
    let conf = try settings.makeConfiguration(for: configuration, logLevel: log.level)
    rd_kafka_conf_set_opaque(conf, Unmanaged.passUnretained(context).toOpaque())
    rd_kafka_conf_set_log_cb(conf, logCallback)
    switch kind {
    case .groupMember:
      rd_kafka_conf_set_error_cb(conf, errorCallback)
      rd_kafka_conf_set_rebalance_cb(conf, rebalanceCallback)
    case .reader:
      rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_ERROR)
      rd_kafka_conf_set_background_event_cb(conf, backgroundEventCallback)
    case .producer:
      rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR)
      rd_kafka_conf_set_background_event_cb(conf, backgroundEventCallback)
    }
    var text = [CChar](repeating: 0, count: 512)
    let type = kind == .producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER
    guard let pointer = rd_kafka_new(type, conf, &text, text.count) else {
      rd_kafka_conf_destroy(conf)
      throw KafkaError(
        code: .invalidArgument, message: log.withoutSecrets(String(nulTerminated: text)), operation: "client",
        isFatal: true)
    }
    self.pointer = pointer
    self.kind = kind
    self.context = context
    self.destroyed = destroyed
    if kind != .groupMember { forwardMainQueue() }
  }

  /// The background thread serves what would otherwise wait for somebody to poll.
  private func forwardMainQueue() {
    let main = rd_kafka_queue_get_main(pointer)
    let background = rd_kafka_queue_get_background(pointer)
    rd_kafka_queue_forward(main, background)
    if let background { rd_kafka_queue_destroy(background) }
    if let main { rd_kafka_queue_destroy(main) }
  }

  deinit {
    let remains = Remains(pointer: pointer, context: context)
    let destroyed = destroyed
    let kind = kind
    DedicatedThread.start(name: "kafka-destroy") {
      remains.destroy()
      // A reader that went through a ledger of a million records has left a hundred megabytes behind.
      if kind == .reader { crdkafka_return_freed_memory() }
      destroyed.fulfil()
    }
  }

  /// The error by which the client gave up, if it did.
  func fatalError(_ operation: String) -> KafkaError? {
    KafkaError(fatalErrorOf: pointer, operation: operation)
  }
}

/// What is left of a client once nobody uses it. `@unchecked`: handed to the one thread that frees it.
private struct Remains: @unchecked Sendable {
  let pointer: OpaquePointer
  let context: ClientContext

  func destroy() {
    withExtendedLifetime(context) {
      rd_kafka_destroy_flags(pointer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
    }
  }
}

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

  /// For every client, after the operator's: asking for a topic never makes one.
  private static let commonFixed = ["allow.auto.create.topics": "false"]

  /// The configuration, owned by the caller until `rd_kafka_new` takes it.
  func makeConfiguration(for client: KafkaClientConfiguration, logLevel: Int) throws(KafkaError) -> OpaquePointer {
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
      for layer in [Self.commonDefaults, defaults, client.properties, Self.commonFixed, fixed, always] {
        for (name, value) in layer { try Self.set(name, value, on: conf) }
      }
    } catch {
      rd_kafka_conf_destroy(conf)
      throw error
    }
    return conf
  }

  private static func set(_ name: String, _ value: String, on conf: OpaquePointer) throws(KafkaError) {
    var text = [CChar](repeating: 0, count: 512)
    guard rd_kafka_conf_set(conf, name, value, &text, text.count) != RD_KAFKA_CONF_OK else { return }
    let reason = KafkaClientConfiguration.reason(String(nulTerminated: text), for: name, value: value)
    throw KafkaError(code: .invalidArgument, message: "\(name): \(reason)", operation: "configuration", isFatal: true)
  }
}
