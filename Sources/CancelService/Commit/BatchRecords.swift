import CancelContract
import CancelCore
import Kafka

/// Turns a batch into records.
struct BatchRecords: Sendable {
  let topics: TopicNames
  let encoder: ResultEncoder

  /// Writes what the requesters read: the results and the dead letters.
  func writeAnswers(_ batch: CommitBatch, to sink: inout KafkaRecordSink) throws {
    for result in batch.results { try sink.send(encoder.encode(result), to: topics.results) }
    for message in batch.refused {
      let letter = DeadLetter.record(
        key: message.key, value: message.value, headers: message.headers, source: message.source,
        problem: message.problem)
      try sink.send(letter, to: topics.deadLetters)
    }
  }

  /// Writes the orders' states.
  func writeLedger(_ batch: CommitBatch, to sink: inout KafkaRecordSink) throws {
    for entry in batch.ledger {
      try sink.send(topic: topics.ledger, partition: entry.partition, key: entry.key, value: entry.value)
    }
  }
}

extension KafkaRecordSink {
  /// Sends a record to `topic`, to the partition that its key leads to.
  mutating func send(_ record: OutgoingRecord, to topic: String) throws {
    try send(
      topic: topic, key: record.key, value: record.value, headerCount: record.headers.count
    ) { writer in
      for header in record.headers { writer.add(header.name, header.value) }
    }
  }
}
