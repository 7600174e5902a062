import CRdkafka

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

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

/// Copies librdkafka's messages into Swift values. Belongs to one thread.
struct MessageDecoder {
  private var topic = ""
  private var topicName: [CChar] = [0]

  /// The message's content; the caller still owns the message.
  mutating func decode(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> KafkaMessage {
    let raw = message.pointee
    var timestampType = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
    let timestamp = rd_kafka_message_timestamp(message, &timestampType)
    return KafkaMessage(
      topic: name(of: raw.rkt), partition: raw.partition, offset: raw.offset,
      timestampMilliseconds: timestampType == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? nil : timestamp,
      key: raw.key.map { [UInt8](UnsafeRawBufferPointer(start: $0, count: raw.key_len)) },
      value: raw.payload.map { [UInt8](UnsafeRawBufferPointer(start: $0, count: raw.len)) },
      headers: Self.headers(of: message))
  }

  /// The topic's name: the same string as for the message before, as long as the topic stays the same.
  mutating func name(of handle: OpaquePointer?) -> String {
    guard let handle, let name = rd_kafka_topic_name(handle) else { return "" }
    let isSame = topicName.withUnsafeBufferPointer { known in
      known.baseAddress.map { strcmp($0, name) == 0 } ?? false
    }
    if isSame { return topic }
    topic = String(cString: name)
    topicName = topic.utf8.map { CChar(bitPattern: $0) } + [0]
    return topic
  }

  private static func headers(of message: UnsafeMutablePointer<rd_kafka_message_t>) -> [KafkaHeader] {
    var list: OpaquePointer?
    guard rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return [] }
    let count = rd_kafka_header_cnt(list)
    var headers: [KafkaHeader] = []
    headers.reserveCapacity(count)
    for index in 0..<count {
      var name: UnsafePointer<CChar>?
      var value: UnsafeRawPointer?
      var size = 0
      guard rd_kafka_header_get_all(list, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR, let name
      else { break }
      headers.append(
        KafkaHeader(
          name: String(cString: name), value: value.map { [UInt8](UnsafeRawBufferPointer(start: $0, count: size)) }))
    }
    return headers
  }
}

extension Duration {
  /// Whole milliseconds as librdkafka takes them: rounded up, never negative (which would mean without end).
  var librdkafkaMilliseconds: Int32 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    guard seconds < Int64(Int32.max / 1000) - 1 else { return Int32.max }
    return Int32(seconds * 1000) + Int32((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
  }
}
