import CancelCore
import Kafka

/// `exactlyOnce`: each batch is one transaction, together with the consumer's position.
struct TransactionalPublisher: BatchPublisher {
  let producer: KafkaProducer
  let records: BatchRecords

  func publish(_ batch: CommitBatch, consumer: KafkaConsumer?) async throws {
    try await producer.transact(offsets: records.offsets(batch.positions), consumer: consumer) { sink in
      try records.write(batch, to: &sink)
    }
  }

  func confirm(positions: [Int32: Int64], consumer: KafkaConsumer?) async throws {
    try await producer.transact(offsets: records.offsets(positions), consumer: consumer) { _ in }
  }
}

/// `atLeastOnce`: the batch's records are flushed, then the consumer's position is committed.
struct FlushingPublisher: BatchPublisher {
  let producer: KafkaProducer
  let records: BatchRecords

  func publish(_ batch: CommitBatch, consumer: KafkaConsumer?) async throws {
    try await producer.publish { sink in try records.write(batch, to: &sink) }
    try await consumer?.commit(records.offsets(batch.positions))
  }

  func confirm(positions: [Int32: Int64], consumer: KafkaConsumer?) async throws {
    try await consumer?.commit(records.offsets(positions))
  }
}
