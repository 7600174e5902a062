import Kafka

/// Notes what a consumer tells.
final class RecordingHandler: KafkaConsumerHandler {
  struct State: Sendable, CustomStringConvertible {
    var messages: [KafkaMessage] = []
    var batches: [Int] = []
    /// What is assigned at the moment.
    var assigned: [KafkaTopicPartition: Int64?] = [:]
    var assignments: [[KafkaAssignment]] = []
    var revocations: [[KafkaTopicPartition]] = []
    var losses: [[KafkaTopicPartition]] = []
    var failures: [KafkaError] = []

    var description: String {
      "messages \(messages.count), assigned \(assigned.count) in \(assignments.count), revocations "
        + "\(revocations), losses \(losses), failures \(failures.suffix(5))"
    }
  }

  let recorder = Recorder(State())
  /// Called on the consumer's thread, for tests that answer at once.
  let onAssigned: @Sendable ([KafkaAssignment]) -> Void
  let onReceived: @Sendable ([KafkaMessage]) -> Void
  let onRevoked: @Sendable ([KafkaTopicPartition]) -> Void

  init(
    onAssigned: @escaping @Sendable ([KafkaAssignment]) -> Void = { _ in },
    onReceived: @escaping @Sendable ([KafkaMessage]) -> Void = { _ in },
    onRevoked: @escaping @Sendable ([KafkaTopicPartition]) -> Void = { _ in }
  ) {
    self.onAssigned = onAssigned
    self.onReceived = onReceived
    self.onRevoked = onRevoked
  }

  func received(_ messages: [KafkaMessage]) {
    onReceived(messages)
    recorder.update {
      $0.messages += messages
      $0.batches.append(messages.count)
    }
  }

  func assigned(_ partitions: [KafkaAssignment]) {
    onAssigned(partitions)
    recorder.update {
      for assignment in partitions { $0.assigned.updateValue(assignment.startOffset, forKey: assignment.partition) }
      $0.assignments.append(partitions)
    }
  }

  func revoked(_ partitions: [KafkaTopicPartition]) {
    onRevoked(partitions)
    recorder.update {
      for partition in partitions { $0.assigned[partition] = nil }
      $0.revocations.append(partitions)
    }
  }

  func lost(_ partitions: [KafkaTopicPartition]) {
    recorder.update {
      for partition in partitions { $0.assigned[partition] = nil }
      $0.losses.append(partitions)
    }
  }

  func failed(_ error: KafkaError) {
    recorder.update { $0.failures.append(error) }
  }
}
