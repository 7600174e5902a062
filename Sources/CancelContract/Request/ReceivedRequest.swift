/// A request together with what its record brought along.
public struct ReceivedRequest: Hashable, Sendable {
  /// What the sender asked for.
  public var request: CancelRequest
  /// Where the record stands.
  public var source: SourceCoordinates
  /// When the record was produced, by Kafka's timestamp.
  public var producedAt: Timestamp
  /// When the worker took the record up.
  public var receivedAt: Timestamp
  /// The record's key, which the result repeats.
  public var key: [UInt8]?
  /// The headers that the result repeats: `correlation-id`, those named in the configuration, and the trace context.
  public var echoedHeaders: [RecordHeader]

  /// A request that came in the record at `source`.
  public init(
    request: CancelRequest,
    source: SourceCoordinates,
    producedAt: Timestamp,
    receivedAt: Timestamp,
    key: [UInt8]? = nil,
    echoedHeaders: [RecordHeader] = []
  ) {
    self.request = request
    self.source = source
    self.producedAt = producedAt
    self.receivedAt = receivedAt
    self.key = key
    self.echoedHeaders = echoedHeaders
  }
}
