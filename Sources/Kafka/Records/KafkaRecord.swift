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
