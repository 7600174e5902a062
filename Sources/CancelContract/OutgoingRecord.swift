/// A record ready to be produced: its topic and partition are the caller's to choose.
public struct OutgoingRecord: Hashable, Sendable {
  /// The key; `nil` is Kafka's null.
  public var key: [UInt8]?
  /// The value; `nil` is Kafka's null (a tombstone).
  public var value: [UInt8]?
  /// The headers in their order.
  public var headers: [RecordHeader]

  /// A record with the given parts.
  public init(key: [UInt8]?, value: [UInt8]?, headers: [RecordHeader]) {
    self.key = key
    self.value = value
    self.headers = headers
  }
}
