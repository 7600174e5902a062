/// Why each assigned partition is paused. librdkafka loses messages when one is resumed that isn't paused, so every
/// change answers with just the partitions whose state really changes.
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

  /// New partitions start held by their owner. All of them are to be paused.
  mutating func assign(_ partitions: [KafkaTopicPartition], backpressure: Bool) {
    for partition in partitions { reasons[partition] = backpressure ? [.owner, .backpressure] : .owner }
  }

  mutating func remove(_ partitions: [KafkaTopicPartition]) {
    for partition in partitions { reasons[partition] = nil }
  }

  /// Adds a reason; the partitions that have to be paused for it.
  mutating func hold(_ partitions: some Sequence<KafkaTopicPartition>, for reason: Reasons) -> [KafkaTopicPartition] {
    partitions.filter { partition in
      guard let present = reasons[partition] else { return false }
      reasons[partition] = present.union(reason)
      return present.isEmpty
    }
  }

  /// Takes a reason away; the partitions that have to be resumed since none is left.
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
