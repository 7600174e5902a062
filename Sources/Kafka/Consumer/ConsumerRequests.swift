/// What other threads ask of the one that polls.
struct ConsumerRequests: Sendable {
  enum Change: Sendable {
    case pause([KafkaTopicPartition])
    case resume([KafkaTopicPartition])
  }

  /// Holds and releases, in the order in which they were asked for.
  var changes: [Change] = []
  /// Set when the consumer has to leave its group: until when that may take.
  var stopDeadline: ContinuousClock.Instant?
  /// The client while it can be used from outside.
  var handle: ClientHandle?
  var hasStarted = false

  /// Changes that were asked for while the partitions belonged to an assignment that ends.
  mutating func forget(_ partitions: Set<KafkaTopicPartition>) {
    changes = changes.map { change in
      switch change {
      case .pause(let named): .pause(named.filter { !partitions.contains($0) })
      case .resume(let named): .resume(named.filter { !partitions.contains($0) })
      }
    }
  }
}
