import CancelContract
import CancelCore
import Kafka

/// A message as it is handed to the worker's loop: decoded on the thread that polls.
package enum IncomingMessage: Sendable {
  case request(ReceivedRequest, raw: KafkaMessage)
  case sweep(ReceivedSweep, raw: KafkaMessage)
  case unreadable(UnreadableRequest, raw: KafkaMessage)

  /// The message as it was read.
  package var raw: KafkaMessage {
    switch self {
    case .request(_, let raw), .sweep(_, let raw), .unreadable(_, let raw): raw
    }
  }

  /// The partition of the requests topic that it was read from.
  package var partition: Int32 {
    switch self {
    case .request(let request, _): request.source.partition
    case .sweep(let sweep, _): sweep.source.partition
    case .unreadable(let unreadable, _): unreadable.source.partition
    }
  }
}

extension IncomingMessage {
  package init(_ message: KafkaMessage, decoder: RequestDecoder, receivedAt: Timestamp) {
    let source = SourceCoordinates(topic: message.topic, partition: message.partition, offset: message.offset)
    let producedAt = IncomingMessage.producedAt(message.timestampMilliseconds, receivedAt: receivedAt)
    let decoded = decoder.decode(
      value: message.value,
      key: message.key,
      headers: message.headers.map { RecordHeader(name: $0.name, value: $0.value) },
      source: source,
      producedAt: producedAt,
      receivedAt: receivedAt)
    switch decoded {
    case .success(.cancel(let request)): self = .request(request, raw: message)
    case .success(.sweep(let sweep)): self = .sweep(sweep, raw: message)
    case .failure(let unreadable): self = .unreadable(unreadable, raw: message)
    }
  }
}

extension IncomingMessage {
  /// Before this (2000-01-01) no request was produced: old producers stamp records with -1 or 0.
  private static let earliest = Timestamp(milliseconds: 946_684_800_000)
  /// A record that is further ahead was stamped by a wrong clock.
  private static let furthestAhead = Duration.seconds(300)

  /// When a request counts as produced, from which its deadline is reckoned: when its record was stamped, or when it was
  /// received where the stamp is missing or can't be.
  static func producedAt(_ milliseconds: Int64?, receivedAt: Timestamp) -> Timestamp {
    guard let milliseconds else { return receivedAt }
    let stamped = Timestamp(milliseconds: milliseconds)
    return stamped < earliest || stamped > receivedAt + furthestAhead ? receivedAt : stamped
  }
}

extension IncomingMessage {
  /// The clock was set between its receipt and its way to the worker.
  package mutating func clockStepped(by step: Duration) {
    switch self {
    case .request(var request, let raw):
      request.clockStepped(by: step)
      self = .request(request, raw: raw)
    case .sweep(var sweep, let raw):
      sweep.clockStepped(by: step)
      self = .sweep(sweep, raw: raw)
    case .unreadable(var unreadable, let raw):
      unreadable.clockStepped(by: step)
      self = .unreadable(unreadable, raw: raw)
    }
  }
}

extension RefusedMessage {
  init(_ message: KafkaMessage, problem: Problem) {
    self.init(
      source: SourceCoordinates(topic: message.topic, partition: message.partition, offset: message.offset),
      key: message.key,
      value: message.value,
      headers: message.headers.map { RecordHeader(name: $0.name, value: $0.value) },
      problem: problem)
  }
}

extension UnreadableRequest {
  /// A request that could be read, for an account that is not configured.
  init(unknownAccountOf received: ReceivedRequest, default defaultAccount: AccountName) {
    let name = received.request.account ?? defaultAccount
    let problem = Problem(
      .accountUnknown,
      detail: "no account named '\(name)' is configured: "
        + "configure it, or name another in the request's member 'account'",
      member: "account")
    self.init(received, account: name, problem: problem)
  }

  /// A request to sweep that could be read, for accounts that are not configured.
  init(unknownAccountOf sweep: ReceivedSweep) {
    let (member, detail): (String, String)
    switch sweep.request.scope {
    case .account(let name?):
      (member, detail) = ("account", "no account named '\(name)' is configured: configure it, or name another")
    case .account(nil):
      (member, detail) = (
        "account", "the default account is not configured: name one in the request's member 'account'"
      )
    case .all(let names, nil) where !names.isEmpty:
      (member, detail) = (
        "accounts", "one of the accounts is not configured, and nothing was swept: name configured ones only"
      )
    case .all(_, let environment):
      let world = environment.map { " in the environment '\($0.name)'" } ?? ""
      (member, detail) = (
        "accounts", "no configured account\(world) is meant, and nothing was swept: check the names and the environment"
      )
    }
    self.init(sweep, problem: Problem(.accountUnknown, detail: detail, member: member))
  }
}
