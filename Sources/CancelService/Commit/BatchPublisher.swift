import CancelContract
import CancelCore
import Kafka
import Logging

/// Publishes batches, one after another.
protocol BatchPublisher: Sendable {
  /// Publishes all of the batch, or, in a transaction, nothing of it.
  ///
  /// - Parameter number: the group's assignment under which the batch was built.
  /// - Throws: what `CommitFailure` tells the meaning of.
  func publish(_ batch: CommitBatch, number: UInt64) async throws

  /// Commits the positions once more, with nothing beside them, under the assignment with this number.
  ///
  /// - Throws: `KafkaError` where the group does not take them.
  func confirm(positions: [Int32: Int64], number: UInt64) async throws
}

/// `exactlyOnce`: each batch is one transaction, together with the consumer's position.
struct TransactionalPublisher: BatchPublisher {
  let producer: KafkaProducer
  let member: GroupMember
  let records: BatchRecords

  func publish(_ batch: CommitBatch, number: UInt64) async throws {
    try await transact(batch.positions, number) { sink in
      try records.writeAnswers(batch, to: &sink)
      try records.writeLedger(batch, to: &sink)
    }
  }

  func confirm(positions: [Int32: Int64], number: UInt64) async throws {
    try await transact(positions, number) { _ in }
  }

  private func transact(
    _ positions: [Int32: Int64], _ number: UInt64, produce: @Sendable (inout KafkaRecordSink) throws -> Void
  ) async throws {
    try await producer.transact(
      offsets: member.offsets(positions), consumer: member.present, assignment: KafkaAssignmentID(rawValue: number),
      produce: produce)
  }
}

/// `atLeastOnce`: the answers are flushed, then the orders' states, then the consumer's position is committed.
///
/// Each step begins when the brokers have all of the one before. A state that says "answered", or a position past a
/// request, without the answer on its topic would leave the request unanswered for good.
struct FlushingPublisher: BatchPublisher {
  let producer: KafkaProducer
  let member: GroupMember
  let records: BatchRecords
  let logger: Logger

  private static let commitAttempts = 4

  /// What is published is not published again where only the position can't be committed: the next batch carries it.
  func publish(_ batch: CommitBatch, number: UInt64) async throws {
    if !(batch.results.isEmpty && batch.refused.isEmpty && batch.campaigns.isEmpty && batch.confirmations.isEmpty) {
      try await producer.publish { sink in try records.writeAnswers(batch, to: &sink) }
    }
    if !batch.ledger.isEmpty {
      // Nothing fences a producer without transactions: what it writes after its partitions were given up would stand
      // over the new owner's states, and hide requests that are open there.
      try await member.holding(number) {
        _ = try await producer.publish { sink in try records.writeLedger(batch, to: &sink) }
      }
    }
    do {
      try await confirm(positions: batch.positions, number: number)
    } catch let error as KafkaError where !error.isFatal {
      logger.warning("the position can't be committed; it goes with the next one", metadata: ["error": "\(error)"])
    }
  }

  func confirm(positions: [Int32: Int64], number: UInt64) async throws {
    var attempt = 1
    while true {
      do {
        return try await member.commit(positions, number: number)
      } catch let error as KafkaError where error.isRetriable && attempt < FlushingPublisher.commitAttempts {
        try await Task.sleep(for: .milliseconds(50 << attempt))
        attempt += 1
      }
    }
  }
}

/// Publishes notices of waits, at best effort.
protocol NoticePublisher: Sendable {
  /// Queues the notices and returns at once.
  func publish(_ notices: [WaitNotice])
}

extension CommitFailure {
  /// What an error of a publisher means.
  init(_ error: any Error) {
    switch error {
    case let error as KafkaPublishError:
      let errors = error.failures.map(\.error)
      if errors.contains(where: \.isFatal) {
        self = .fatal
      } else if errors.allSatisfy(\.mayPass) {
        self = errors.contains(where: \.isTimeout) ? .timedOut : .passing
      } else {
        self = .refused
      }
    case let error as KafkaError:
      if error.isFatal {
        self = .fatal
      } else if error.code.needsAnOperator {
        self = .refused
      } else {
        self = error.isTimeout ? .timedOut : .passing
      }
    default: self = .fatal
    }
  }
}

extension KafkaError {
  /// Whether something took longer than it may.
  fileprivate var isTimeout: Bool { code == .timedOut || code == .requestTimedOut || code == .messageTimedOut }
}

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
