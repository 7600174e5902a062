import CancelContract
import CancelCore
import Kafka

/// Turns a batch into records.
struct BatchRecords: Sendable {
  let topics: TopicNames
  let encoder: ResultEncoder
  let campaignEncoder: CampaignEncoder
  let confirmationEncoder: ConfirmationEncoder

  init(topics: TopicNames, worker: WorkerIdentity, eventSource: String) {
    self.topics = topics
    encoder = ResultEncoder(worker: worker, eventSource: eventSource)
    campaignEncoder = CampaignEncoder(worker: worker, eventSource: eventSource)
    confirmationEncoder = ConfirmationEncoder(worker: worker, eventSource: eventSource)
  }

  /// Writes what the requesters read: the results, the dead letters, the campaigns' records and the confirmations.
  func writeAnswers(_ batch: CommitBatch, to sink: inout KafkaRecordSink) throws {
    for result in batch.results { try sink.send(encoder.encode(result), to: topics.results) }
    for message in batch.refused {
      let letter = DeadLetter.record(
        key: message.key, value: message.value, headers: message.headers, source: message.source,
        problem: message.problem)
      try sink.send(letter, to: topics.deadLetters)
    }
    for event in batch.confirmations { try sink.send(confirmationEncoder.encode(event), to: topics.confirmations) }
    for update in batch.campaigns {
      let record = update.record.map { campaignEncoder.encode($0) }
      try sink.send(
        topic: topics.campaigns, partition: update.partition, key: Array(update.campaignID.utf8), value: record?.value,
        headerCount: record?.headers.count ?? 0
      ) { writer in
        for header in record?.headers ?? [] { writer.add(header.name, header.value) }
      }
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
