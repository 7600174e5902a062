import CancelContract
import CancelCore
import Kafka

/// A message as it is handed to the worker's loop: decoded on the thread that polls.
enum IncomingMessage: Sendable {
  case request(ReceivedRequest, raw: KafkaMessage)
  case unreadable(UnreadableRequest, raw: KafkaMessage)

  /// The message as it was read.
  var raw: KafkaMessage {
    switch self {
    case .request(_, let raw), .unreadable(_, let raw): raw
    }
  }
}

extension IncomingMessage {
  init(_ message: KafkaMessage, decoder: RequestDecoder, receivedAt: Timestamp) {
    let source = SourceCoordinates(topic: message.topic, partition: message.partition, offset: message.offset)
    let producedAt = message.timestampMilliseconds.map { Timestamp(milliseconds: $0) } ?? receivedAt
    let decoded = decoder.decode(
      value: message.value,
      key: message.key,
      headers: message.headers.map { RecordHeader(name: $0.name, value: $0.value) },
      source: source,
      producedAt: producedAt,
      receivedAt: receivedAt)
    switch decoded {
    case .success(let request): self = .request(request, raw: message)
    case .failure(let unreadable): self = .unreadable(unreadable, raw: message)
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
