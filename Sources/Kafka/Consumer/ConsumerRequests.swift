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
