import CancelContract
import CancelService
import Foundation
import Kafka
import Operations

/// Reads what topics hold from a time on, to their ends as they are now.
struct TopicHistory {
  let configuration: WorkerConfiguration
  let options: ConfigurationOption
  /// From when on; `nil` for everything.
  let since: Timestamp?

  /// Reads a topic; one that does not exist holds nothing.
  ///
  /// - Parameter body: told the records, by partition in their order, on a thread of its own.
  func read(_ topic: String, _ body: @escaping @Sendable ([KafkaMessage]) throws -> Void) async throws {
    let (kafka, logger) = (configuration.kafkaClient, CommandLog.logger(options))
    let admin = try KafkaAdmin(configuration: kafka, logger: logger)
    let found: [KafkaTopicDescription]
    do {
      found = try await admin.describeTopics([topic], timeout: .seconds(5))
      await admin.close(timeout: .seconds(5))
    } catch {
      await admin.close(timeout: .seconds(5))
      throw error
    }
    let partitions = (0..<Int32(found.first?.partitions ?? 0)).map { $0 }
    guard !partitions.isEmpty else { return }
    var starts = Dictionary(uniqueKeysWithValues: partitions.map { ($0, Int64(0)) })
    if let since {
      starts = try await KafkaPartitionReader.offsets(
        configuration: kafka, topic: topic, partitions: partitions, at: since.microseconds / 1000, logger: logger)
    }
    _ = try await KafkaPartitionReader.readToEnd(
      configuration: kafka, topic: topic, from: starts, logger: logger, onBatch: body)
  }

  /// The time that an option names: one of RFC 3339, or how long ago, such as 24h.
  ///
  /// - Throws: `CommandFailure` for anything else.
  static func time(_ text: String?, _ command: String) throws -> Timestamp? {
    guard let text else { return nil }
    if let time = Timestamp(rfc3339: text) { return time }
    guard let ago = Duration(configured: text) else {
      throw CommandFailure(
        .usage,
        "\(command): --since: '\(text)' is neither a time such as 2026-01-31T12:00:00Z nor how long ago, such as 24h")
    }
    return .now - ago
  }
}

extension Timestamp {
  /// The present time, by the system's clock.
  static var now: Timestamp { Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)) }
}

extension RequestDecoder {
  /// Reads the request in a message; `nil` where there is none.
  func decode(_ message: KafkaMessage) -> IncomingRequest? {
    let producedAt = Timestamp(milliseconds: message.timestampMilliseconds ?? 0)
    let decoded = decode(
      value: message.value, key: message.key,
      headers: message.headers.map { RecordHeader(name: $0.name, value: $0.value) },
      source: SourceCoordinates(topic: message.topic, partition: message.partition, offset: message.offset),
      producedAt: producedAt, receivedAt: producedAt)
    return try? decoded.get()
  }
}
