/// One header of a record: a name and, where there is one, a value of any bytes.
public struct RecordHeader: Hashable, Sendable {
  /// The name; a record may carry the same name more than once.
  public var name: String
  /// The bytes; `nil` is Kafka's null, not the empty value.
  public var value: [UInt8]?

  /// A header with these bytes.
  public init(name: String, value: [UInt8]?) {
    self.name = name
    self.value = value
  }

  /// A header with this text in UTF-8.
  public init(_ name: String, _ value: String) {
    self.init(name: name, value: Array(value.utf8))
  }
}
