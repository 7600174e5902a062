import CRdkafka
import Logging
import Synchronization

/// What a client wants to hear of from librdkafka.
///
/// A group's member hears it on the thread that polls, every other client on librdkafka's background thread.
protocol ClientCallbacks: AnyObject, Sendable {
  /// The client as a whole met an error; a fatal one is the last.
  func clientFailed(_ error: KafkaError)
  /// The group gives partitions or takes them. The callee answers with `rd_kafka_assign`.
  func rebalance(_ client: OpaquePointer, _ event: rd_kafka_resp_err_t, _ partitions: borrowing TopicPartitions)
  /// Delivery reports; the event is freed by the caller.
  func delivered(_ event: OpaquePointer)
}

extension ClientCallbacks {
  func rebalance(_ client: OpaquePointer, _ event: rd_kafka_resp_err_t, _ partitions: borrowing TopicPartitions) {}
  func delivered(_ event: OpaquePointer) {}
}

/// For clients whose calls return all there is to know.
final class LastClientError: ClientCallbacks {
  private let last = Monitor<KafkaError?>(nil)

  func clientFailed(_ error: KafkaError) { last.update { $0 = error } }

  /// The error with the latest one of a connection as its cause, which says more than the time-out of a call.
  func explaining(_ error: KafkaError) -> KafkaError {
    guard error.isRetriable, error.cause == nil else { return error }
    var error = error
    error.cause = last.withLock { $0 }
    return error
  }
}

/// The opaque pointer that librdkafka hands to every callback of a client. `ClientHandle` keeps it alive until
/// `rd_kafka_destroy` has returned, after which librdkafka calls nothing any more.
final class ClientContext: Sendable {
  let log: ClientLog
  let callbacks: any ClientCallbacks

  init(log: ClientLog, callbacks: any ClientCallbacks) {
    self.log = log
    self.callbacks = callbacks
  }

  static func from(_ opaque: UnsafeMutableRawPointer?) -> ClientContext? {
    opaque.map { Unmanaged<ClientContext>.fromOpaque($0).takeUnretainedValue() }
  }
}

func logCallback(
  _ client: OpaquePointer?, _ level: Int32, _ facility: UnsafePointer<CChar>?, _ text: UnsafePointer<CChar>?
) {
  // librdkafka logs without a client while one is being made; those faults come back from rd_kafka_new as well.
  guard let client, let context = ClientContext.from(rd_kafka_opaque(client)), let facility, let text else { return }
  let name = rd_kafka_name(client).map { String(cString: $0) } ?? ""
  context.log.receive(
    level: level, facility: String(cString: facility), text: String(cString: text), client: name)
}

func errorCallback(
  _ client: OpaquePointer?, _ code: Int32, _ reason: UnsafePointer<CChar>?, _ opaque: UnsafeMutableRawPointer?
) {
  guard let client, let context = ClientContext.from(opaque) else { return }
  let text = context.log.withoutSecrets(reason.map { String(cString: $0) } ?? "")
  reportError(context, client, rd_kafka_resp_err_t(code), text)
}

func rebalanceCallback(
  _ client: OpaquePointer?, _ event: rd_kafka_resp_err_t,
  _ partitions: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?, _ opaque: UnsafeMutableRawPointer?
) {
  guard let client, let partitions, let context = ClientContext.from(opaque) else { return }
  context.callbacks.rebalance(client, event, TopicPartitions(borrowing: partitions))
}

func backgroundEventCallback(
  _ client: OpaquePointer?, _ event: OpaquePointer?, _ opaque: UnsafeMutableRawPointer?
) {
  guard let client, let event else { return }
  defer { rd_kafka_event_destroy(event) }
  guard let context = ClientContext.from(opaque) else { return }
  switch rd_kafka_event_type(event) {
  case RD_KAFKA_EVENT_DR:
    context.callbacks.delivered(event)
  case RD_KAFKA_EVENT_ERROR:
    let text = rd_kafka_event_error_string(event).map { String(cString: $0) } ?? ""
    reportError(context, client, rd_kafka_event_error(event), context.log.withoutSecrets(text))
  default:
    break
  }
}

private func reportError(
  _ context: ClientContext, _ client: OpaquePointer, _ code: rd_kafka_resp_err_t, _ text: String
) {
  if code == RD_KAFKA_RESP_ERR__FATAL, let fatal = KafkaError(fatalErrorOf: client, operation: "client") {
    context.callbacks.clientFailed(fatal)
  } else {
    context.callbacks.clientFailed(KafkaError(code, operation: "client", message: text))
  }
}

/// Brings librdkafka's own messages into swift-log: constant message, facts in the metadata, storms cut, secrets out.
final class ClientLog: Sendable {
  let logger: Logger
  private let mask: SecretMask
  private let limiter = Mutex(LogRateLimiter())

  init(logger: Logger, secrets: [String]) {
    self.logger = logger
    self.mask = SecretMask(secrets)
  }

  /// librdkafka's level for everything that the logger would show (syslog's numbers).
  var level: Int {
    switch logger.logLevel {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }

  /// A message from any of librdkafka's threads.
  func receive(level: Int32, facility: String, text: String, client: String) {
    let decision = limiter.withLock { $0.decide(facility, now: .now) }
    guard case .tell(let leftOut) = decision else { return }
    var metadata: Logger.Metadata = [
      "kafka.client": "\(client)", "kafka.facility": "\(facility)", "kafka.detail": "\(withoutSecrets(text))",
    ]
    if leftOut > 0 { metadata["kafka.left_out"] = "\(leftOut)" }
    // Most operators' properties fit only one kind of client; the others warn of them.
    let isIdle = facility == "CONFWARN" && text.contains("will be ignored by this")
    let level = isIdle ? .debug : Self.level(ofSyslog: level)
    logger.log(level: level, "Kafka client message", metadata: metadata)
  }

  /// The text without any part of a secret of the configuration.
  func withoutSecrets(_ text: String) -> String { mask.masked(text) }

  private static func level(ofSyslog level: Int32) -> Logger.Level {
    switch level {
    case ...2: .critical
    case 3: .error
    case 4: .warning
    case 5: .notice
    case 6: .info
    default: .debug
    }
  }
}

/// Decides which of many messages of one kind are written: the first few in each window; the next one written says how many
/// were left out.
package struct LogRateLimiter {
  /// What to do with a message.
  package enum Decision: Equatable {
    /// Write it, and say how many of its kind were left out since the last one was written.
    case tell(leftOut: Int)
    /// Leave it out.
    case leaveOut
  }

  private struct Kind {
    var windowStart: ContinuousClock.Instant
    var told: Int
    var leftOut: Int
  }

  private let window: Duration
  private let burst: Int
  private var kinds: [String: Kind] = [:]
  /// Kinds are message constants, a few dozen; the bound holds where one is made from data.
  private static let mostKinds = 1000

  /// At most `burst` messages of each kind in each `window`.
  package init(window: Duration = .seconds(10), burst: Int = 3) {
    self.window = window
    self.burst = burst
  }

  /// Whether a message of this kind is written.
  package mutating func decide(_ name: String, now: ContinuousClock.Instant) -> Decision {
    guard var kind = kinds[name] else {
      if kinds.count >= Self.mostKinds { kinds.removeAll() }
      kinds[name] = Kind(windowStart: now, told: 1, leftOut: 0)
      return .tell(leftOut: 0)
    }
    defer { kinds[name] = kind }
    if now - kind.windowStart >= window {
      let leftOut = kind.leftOut
      kind = Kind(windowStart: now, told: 1, leftOut: 0)
      return .tell(leftOut: leftOut)
    }
    guard kind.told < burst else {
      kind.leftOut += 1
      return .leaveOut
    }
    kind.told += 1
    return .tell(leftOut: 0)
  }

  /// Returns and resets what was left out since the last written message of each kind, sorted by kind.
  package mutating func takeLeftOut() -> [(kind: String, count: Int)] {
    var leftOut: [(kind: String, count: Int)] = []
    for (name, kind) in kinds where kind.leftOut > 0 {
      leftOut.append((name, kind.leftOut))
      kinds[name]?.leftOut = 0
    }
    return leftOut.sorted { $0.kind < $1.kind }
  }
}
