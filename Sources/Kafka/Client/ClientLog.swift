import Logging
import Synchronization

/// Brings librdkafka's own messages into swift-log: constant message, facts in the metadata, storms cut, secrets out.
final class ClientLog: Sendable {
  let logger: Logger
  private let secrets: [String]
  private let limiter = Mutex(LogRateLimiter())

  init(logger: Logger, secrets: [String]) {
    self.logger = logger
    self.secrets = secrets
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

  func withoutSecrets(_ text: String) -> String {
    secrets.reduce(text) { text, secret in text.contains(secret) ? text.replacing(secret, with: "***") : text }
  }

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
