import Kafka
import Synchronization

/// Notes what a consumer tells.
final class RecordingHandler: KafkaConsumerHandler {
  struct State: Sendable, CustomStringConvertible {
    var messages: [KafkaMessage] = []
    var batches: [Int] = []
    /// What is assigned at the moment.
    var assigned: [KafkaTopicPartition: Int64?] = [:]
    var assignments: [[KafkaAssignment]] = []
    /// The assignments' names, in order.
    var ids: [KafkaAssignmentID] = []
    /// Calls that named another assignment than the present one.
    var strays = 0
    var revocations: [[KafkaTopicPartition]] = []
    var losses: [[KafkaTopicPartition]] = []
    var failures: [KafkaError] = []

    var description: String {
      "messages \(messages.count), assigned \(assigned.count) in \(assignments.count), revocations "
        + "\(revocations), losses \(losses), failures \(failures.suffix(5))"
    }
  }

  let recorder = Recorder(State())

  /// From now on every assignment is resumed as soon as it is made, the present one too: a group may be rebalanced more
  /// than once.
  func keepResuming(_ consumer: KafkaConsumer) {
    resuming.withLock { $0.consumer = consumer }
    let state = recorder.state
    if let assignment = state.ids.last { consumer.resume(state.assigned.keys, under: assignment) }
  }

  private struct Resuming {
    weak var consumer: KafkaConsumer?
  }

  private let resuming = Mutex(Resuming())

  /// The latest assignment.
  var assignment: KafkaAssignmentID {
    guard let last = recorder.state.ids.last else { preconditionFailure("nothing was assigned yet") }
    return last
  }

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

  func received(_ messages: [KafkaMessage], under assignment: KafkaAssignmentID) {
    onReceived(messages)
    recorder.update {
      if assignment != $0.ids.last { $0.strays += 1 }
      $0.messages += messages
      $0.batches.append(messages.count)
    }
  }

  func assigned(_ partitions: [KafkaAssignment], under assignment: KafkaAssignmentID) {
    onAssigned(partitions)
    recorder.update {
      for assignment in partitions { $0.assigned.updateValue(assignment.startOffset, forKey: assignment.partition) }
      $0.assignments.append(partitions)
      $0.ids.append(assignment)
    }
    resuming.withLock { $0.consumer }?.resume(partitions.map(\.partition), under: assignment)
  }

  func revoked(_ partitions: [KafkaTopicPartition], under assignment: KafkaAssignmentID) {
    onRevoked(partitions)
    recorder.update {
      for partition in partitions { $0.assigned[partition] = nil }
      if assignment != $0.ids.last { $0.strays += 1 }
      $0.revocations.append(partitions)
    }
  }

  func lost(_ partitions: [KafkaTopicPartition], under assignment: KafkaAssignmentID) {
    recorder.update {
      for partition in partitions { $0.assigned[partition] = nil }
      if assignment != $0.ids.last { $0.strays += 1 }
      $0.losses.append(partitions)
    }
  }

  func failed(_ error: KafkaError) {
    recorder.update { $0.failures.append(error) }
  }
}
