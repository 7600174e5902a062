import CRdkafka

/// librdkafka's list of partitions with an offset each: made and freed here, or borrowed for a callback.
struct TopicPartitions: ~Copyable {
  let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>
  private let isOwner: Bool

  /// A list of its own. Offsets are left unset where none are given.
  init(_ partitions: some Collection<KafkaTopicPartition>) {
    pointer = rd_kafka_topic_partition_list_new(Int32(partitions.count))
    isOwner = true
    for partition in partitions {
      rd_kafka_topic_partition_list_add(pointer, partition.topic, partition.partition)
    }
  }

  /// A list of its own, with offsets.
  init(_ offsets: [KafkaTopicPartition: Int64]) {
    pointer = rd_kafka_topic_partition_list_new(Int32(offsets.count))
    isOwner = true
    for (partition, offset) in offsets {
      rd_kafka_topic_partition_list_add(pointer, partition.topic, partition.partition).pointee.offset = offset
    }
  }

  /// Whole topics, for a subscription.
  init(topics: [String]) {
    pointer = rd_kafka_topic_partition_list_new(Int32(topics.count))
    isOwner = true
    for topic in topics { rd_kafka_topic_partition_list_add(pointer, topic, RD_KAFKA_PARTITION_UA) }
  }

  /// A list that librdkafka owns; valid only as long as the callback runs that was given it.
  init(borrowing pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) {
    self.pointer = pointer
    isOwner = false
  }

  deinit {
    if isOwner { rd_kafka_topic_partition_list_destroy(pointer) }
  }

  var count: Int { Int(pointer.pointee.cnt) }

  var partitions: [KafkaTopicPartition] { (0..<count).map { partition(at: $0) } }

  func partition(at index: Int) -> KafkaTopicPartition {
    let element = pointer.pointee.elems[index]
    return KafkaTopicPartition(topic: String(cString: element.topic), partition: element.partition)
  }

  func offset(at index: Int) -> Int64 { pointer.pointee.elems[index].offset }

  func setOffset(_ offset: Int64, at index: Int) { pointer.pointee.elems[index].offset = offset }

  /// The first error that a call left with one of the partitions.
  var firstError: (partition: KafkaTopicPartition, code: rd_kafka_resp_err_t)? {
    for index in 0..<count where pointer.pointee.elems[index].err != RD_KAFKA_RESP_ERR_NO_ERROR {
      return (partition(at: index), pointer.pointee.elems[index].err)
    }
    return nil
  }
}
