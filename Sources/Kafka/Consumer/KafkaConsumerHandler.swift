/// Names one assignment of partitions by the group to this member: no other assignment of the same consumer, before or
/// after it, has the same.
///
/// Whatever is done for partitions (resuming them, committing their offsets) names the assignment under which they were
/// given, and is refused once that one has ended.
public struct KafkaAssignmentID: Hashable, Sendable, CustomStringConvertible {
  /// At least 1; a later assignment has a larger number.
  public let rawValue: UInt64

  /// The assignment with this number, which is at least 1.
  public init(rawValue: UInt64) {
    precondition(rawValue >= 1, "assignments are counted from 1")
    self.rawValue = rawValue
  }

  /// The number, for logs.
  public var description: String { "\(rawValue)" }
}

/// A partition given to this member of the group.
public struct KafkaAssignment: Hashable, Sendable {
  /// The partition.
  public var partition: KafkaTopicPartition
  /// The first offset that will be read: the group's committed one, stable (no transaction on it is open), or the log's
  /// start where that one was deleted; `nil` where the group has none yet: the log is then read from its start.
  public var startOffset: Int64?
  /// The log's end when the partition was assigned: what stands before it may have been read by an earlier owner. `nil`
  /// where it is not known.
  public var logEnd: Int64?

  /// An assignment of a partition.
  public init(partition: KafkaTopicPartition, startOffset: Int64?, logEnd: Int64? = nil) {
    self.partition = partition
    self.startOffset = startOffset
    self.logEnd = logEnd
  }
}

/// Hears what a consumer reads and what the group decides. Every method is called on the consumer's own thread, one at
/// a time, and holds up everything else on it while it runs.
///
/// An assignment begins with `assigned` and ends with `revoked` or `lost`; the next one begins after that. An assignment
/// without partitions ends without a call.
public protocol KafkaConsumerHandler: Sendable {
  /// Messages, in order within each partition. The credit of each has to be acknowledged once, whatever becomes of its
  /// partition.
  /// - Parameter assignment: the present assignment, of which the messages' partitions are part.
  func received(_ messages: [KafkaMessage], under assignment: KafkaAssignmentID)
  /// Partitions were given to this member. They are held: nothing comes from them until `KafkaConsumer.resume`.
  /// - Parameter partitions: all partitions that this member has now; empty where the group has none for it.
  func assigned(_ partitions: [KafkaAssignment], under assignment: KafkaAssignmentID)
  /// Partitions are about to be given up; they belong to this member, and offsets can be committed for them, until the
  /// method returns.
  /// - Parameter partitions: all partitions of the assignment.
  func revoked(_ partitions: [KafkaTopicPartition], under assignment: KafkaAssignmentID)
  /// Partitions belong to somebody else already: the session expired, or another instance took this one's place.
  /// - Parameter partitions: all partitions of the assignment.
  func lost(_ partitions: [KafkaTopicPartition], under assignment: KafkaAssignmentID)
  /// Something went wrong. After a fatal error nothing more will be read; others are told and retried.
  func failed(_ error: KafkaError)
}
