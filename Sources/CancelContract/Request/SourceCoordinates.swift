/// Where a request stands in Kafka; no two requests share coordinates.
public struct SourceCoordinates: Hashable, Sendable, CustomStringConvertible {
  /// The topic.
  public var topic: String
  /// The partition's number.
  public var partition: Int32
  /// The record's offset in its partition.
  public var offset: Int64

  /// The record at `offset` of this partition.
  public init(topic: String, partition: Int32, offset: Int64) {
    self.topic = topic
    self.partition = partition
    self.offset = offset
  }

  /// `topic/partition/offset`.
  public var description: String { "\(topic)/\(partition)/\(offset)" }
}
