/// A partition given to this member of the group.
public struct KafkaAssignment: Hashable, Sendable {
  /// The partition.
  public var partition: KafkaTopicPartition
  /// The group's committed offset, stable (no transaction on it is open), which is the first that will be read; `nil`
  /// where the group has none yet: it is then read from its beginning.
  public var startOffset: Int64?
  /// Tells the assignment that it is part of from those before and after it.
  public var assignmentNumber: UInt64

  /// An assignment of a partition.
  public init(partition: KafkaTopicPartition, startOffset: Int64?, assignmentNumber: UInt64 = 0) {
    self.partition = partition
    self.startOffset = startOffset
    self.assignmentNumber = assignmentNumber
  }
}

/// Hears what a consumer reads and what the group decides. Every method is called on the consumer's own thread, one at
/// a time, and holds up everything else on it while it runs.
public protocol KafkaConsumerHandler: Sendable {
  /// Messages, in order within each partition. The room of each has to be acknowledged once, whatever becomes of its
  /// partition.
  func received(_ messages: [KafkaMessage])
  /// Partitions were given to this member. They are held: nothing comes from them until `KafkaConsumer.resume`.
  func assigned(_ partitions: [KafkaAssignment])
  /// Partitions are about to be given up; they still belong to this member until the method returns.
  func revoked(_ partitions: [KafkaTopicPartition])
  /// Partitions belong to somebody else already: the session expired, or another instance took this one's place.
  func lost(_ partitions: [KafkaTopicPartition])
  /// Something went wrong. After a fatal error nothing more will be read; others are told and retried.
  func failed(_ error: KafkaError)
}
