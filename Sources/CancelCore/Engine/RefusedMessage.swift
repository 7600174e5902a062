import CancelContract

/// A message that could not be taken as a request, byte for byte, on its way to the dead-letter topic.
public struct RefusedMessage: Hashable, Sendable {
  /// Where it stands.
  public var source: SourceCoordinates
  /// Its key.
  public var key: [UInt8]?
  /// Its value.
  public var value: [UInt8]?
  /// All its headers.
  public var headers: [RecordHeader]
  /// Why it was refused.
  public var problem: Problem

  /// The message at `source`, refused for `problem`.
  public init(source: SourceCoordinates, key: [UInt8]?, value: [UInt8]?, headers: [RecordHeader], problem: Problem) {
    self.source = source
    self.key = key
    self.value = value
    self.headers = headers
    self.problem = problem
  }
}
