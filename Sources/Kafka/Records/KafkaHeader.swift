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
