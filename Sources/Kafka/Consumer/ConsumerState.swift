/// What other threads ask of the one that polls, and what they may know of it.
struct ConsumerRequests: Sendable {
  enum Change: Sendable {
    case pause([KafkaTopicPartition], under: KafkaAssignmentID)
    case resume([KafkaTopicPartition], under: KafkaAssignmentID)
  }

  /// Holds and releases, in the order in which they were asked for.
  var changes: [Change] = []
  /// Set when the consumer has to leave its group: until when that may take.
  var stopDeadline: ContinuousClock.Instant?
  /// The client while it can be used from outside.
  var handle: ClientHandle?
  var hasStarted = false
  var assignments = Assignments()
}

/// Which assignment is the present one, and how many commits for it are under way.
struct Assignments: Sendable {
  private(set) var present: KafkaAssignmentID?
  private var count: UInt64 = 0
  /// Commits that began under the present assignment and have not returned.
  var commitsInProgress = 0

  mutating func begin() -> KafkaAssignmentID {
    count += 1
    let assignment = KafkaAssignmentID(rawValue: count)
    present = assignment
    return assignment
  }

  mutating func end() {
    present = nil
  }

  /// - Throws: `KafkaError` where the assignment has ended.
  func check(_ assignment: KafkaAssignmentID, for operation: String) throws {
    guard assignment != present else { return }
    throw KafkaError(
      code: .state, message: "assignment \(assignment) has ended: its partitions were given up", operation: operation)
  }
}

/// Why each assigned partition is paused.
///
/// librdkafka loses messages when a partition is resumed that is not paused, so each change returns only the partitions
/// whose state changes.
struct PartitionHolds {
  struct Reasons: OptionSet, Hashable {
    let rawValue: UInt8
    /// The owner asked for it, or has not asked for the first message yet.
    static let owner = Reasons(rawValue: 1)
    /// Too much is handed over and not acknowledged.
    static let backpressure = Reasons(rawValue: 2)
  }

  private var reasons: [KafkaTopicPartition: Reasons] = [:]

  /// The assigned partitions.
  var partitions: [KafkaTopicPartition] { Array(reasons.keys) }

  var isEmpty: Bool { reasons.isEmpty }

  /// New partitions start held by their owner; the caller pauses all of them.
  mutating func assign(_ partitions: [KafkaTopicPartition], backpressure: Bool) {
    for partition in partitions { reasons[partition] = backpressure ? [.owner, .backpressure] : .owner }
  }

  /// Adds a reason.
  /// - Returns: the partitions that have to be paused for it.
  mutating func hold(_ partitions: some Sequence<KafkaTopicPartition>, for reason: Reasons) -> [KafkaTopicPartition] {
    partitions.filter { partition in
      guard let present = reasons[partition] else { return false }
      reasons[partition] = present.union(reason)
      return present.isEmpty
    }
  }

  /// Takes a reason away.
  /// - Returns: the partitions for which no reason is left, and which have to be resumed.
  mutating func release(_ partitions: some Sequence<KafkaTopicPartition>, from reason: Reasons)
    -> [KafkaTopicPartition]
  {
    partitions.filter { partition in
      guard let present = reasons[partition], !present.isEmpty else { return false }
      let remaining = present.subtracting(reason)
      reasons[partition] = remaining
      return remaining.isEmpty
    }
  }
}
