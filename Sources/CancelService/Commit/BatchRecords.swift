import CancelContract
import CancelCore
import Kafka

/// Turns a batch into records.
struct BatchRecords: Sendable {
  let topics: TopicNames
  let encoder: ResultEncoder

  func write(_ batch: CommitBatch, to sink: borrowing KafkaRecordSink) throws {
    for result in batch.results {
      let event = encoder.encode(result)
      try sink.send(
        topic: topics.results, partition: nil, key: event.key, value: event.value,
        headers: event.headers.map { KafkaHeader(name: $0.name, value: $0.value) }, timestamp: nil)
    }
    for entry in batch.ledger {
      try sink.send(
        topic: topics.ledger, partition: entry.partition, key: entry.key, value: entry.value, headers: [],
        timestamp: nil)
    }
    for message in batch.refused {
      let letter = DeadLetter(message)
      try sink.send(
        topic: topics.deadLetters, partition: nil, key: message.key, value: message.value,
        headers: letter.headers.map { KafkaHeader(name: $0.name, value: $0.value) }, timestamp: nil)
    }
  }

  func offsets(_ batch: CommitBatch) -> [KafkaTopicPartition: Int64] {
    var offsets: [KafkaTopicPartition: Int64] = [:]
    for (number, offset) in batch.positions {
      offsets[KafkaTopicPartition(topic: topics.requests, partition: number)] = offset
    }
    return offsets
  }
}
