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

  /// How much room it takes of what a consumer may have handed over: 1, and 1 more for every 4 KiB that it holds.
  public var room: Int {
    let bytes = headers.reduce((key?.count ?? 0) + (value?.count ?? 0)) {
      $0 + $1.name.utf8.count + ($1.value?.count ?? 0)
    }
    return 1 + bytes / 4096
  }

  /// The partition as a key for collections.
  public var topicPartition: KafkaTopicPartition { KafkaTopicPartition(topic: topic, partition: partition) }
}
