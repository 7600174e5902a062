/// One partition of one topic.
public struct KafkaTopicPartition: Hashable, Sendable, CustomStringConvertible {
  /// The topic's name.
  public var topic: String
  /// The partition's number, from 0.
  public var partition: Int32

  /// Names a partition of a topic.
  public init(topic: String, partition: Int32) {
    self.topic = topic
    self.partition = partition
  }

  /// `topic/partition`, for logs.
  public var description: String { "\(topic)/\(partition)" }
}

/// One header of a record. Kafka allows a name to occur more than once, and a value to be absent.
public struct KafkaHeader: Hashable, Sendable {
  /// The header's name.
  public var name: String
  /// The value's bytes; `nil` is a null value, which is not the same as an empty one.
  public var value: [UInt8]?

  /// A header with the given bytes.
  public init(name: String, value: [UInt8]?) {
    self.name = name
    self.value = value
  }

  /// A header whose value is UTF-8 text.
  public init(name: String, value: String) {
    self.name = name
    self.value = Array(value.utf8)
  }
}

/// A record to be published.
public struct KafkaRecord: Sendable {
  /// The topic to publish to.
  public var topic: String
  /// The partition; `nil` lets the key decide (murmur2, as Java producers do), or chance where there is no key.
  public var partition: Int32?
  /// The key's bytes; `nil` is a null key.
  public var key: [UInt8]?
  /// The value's bytes; `nil` is a tombstone.
  public var value: [UInt8]?
  /// The headers, in their order.
  public var headers: [KafkaHeader]
  /// Milliseconds since 1970; `nil` takes the time of publishing.
  public var timestampMilliseconds: Int64?

  /// A record with the given parts.
  public init(
    topic: String, partition: Int32? = nil, key: [UInt8]? = nil, value: [UInt8]?, headers: [KafkaHeader] = [],
    timestampMilliseconds: Int64? = nil
  ) {
    self.topic = topic
    self.partition = partition
    self.key = key
    self.value = value
    self.headers = headers
    self.timestampMilliseconds = timestampMilliseconds
  }
}

/// Where a published record came to lie.
public struct KafkaRecordPosition: Hashable, Sendable {
  /// The partition.
  public var partition: Int32
  /// The offset in that partition; -1 where the broker did not tell.
  public var offset: Int64

  /// A place in a topic.
  public init(partition: Int32, offset: Int64) {
    self.partition = partition
    self.offset = offset
  }
}

/// A record as it was read from a partition.
public struct KafkaMessage: Sendable {
  /// The topic it was read from. Messages of one topic share one string.
  public var topic: String
  /// The partition it was read from.
  public var partition: Int32
  /// Its place in the partition.
  public var offset: Int64
  /// Milliseconds since 1970 by the producer's clock, or the broker's where the topic says so; `nil` where unknown.
  public var timestampMilliseconds: Int64?
  /// The key's bytes; `nil` is a null key.
  public var key: [UInt8]?
  /// The value's bytes; `nil` is a tombstone.
  public var value: [UInt8]?
  /// The headers, in their order.
  public var headers: [KafkaHeader]

  /// A message with the given parts.
  public init(
    topic: String, partition: Int32, offset: Int64, timestampMilliseconds: Int64? = nil, key: [UInt8]? = nil,
    value: [UInt8]? = nil, headers: [KafkaHeader] = []
  ) {
    self.topic = topic
    self.partition = partition
    self.offset = offset
    self.timestampMilliseconds = timestampMilliseconds
    self.key = key
    self.value = value
    self.headers = headers
  }

  /// What it takes of the credit of a consumer, which bounds what is delivered and not acknowledged: 1, and 1 more for
  /// every 4 KiB that it holds.
  public var credit: Int {
    let bytes = headers.reduce((key?.count ?? 0) + (value?.count ?? 0)) {
      $0 + $1.name.utf8.count + ($1.value?.count ?? 0)
    }
    return 1 + bytes / 4096
  }

  /// The partition as a key for collections.
  public var topicPartition: KafkaTopicPartition { KafkaTopicPartition(topic: topic, partition: partition) }
}
