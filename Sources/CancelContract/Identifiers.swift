/// The broker's number of an order: a positive 64-bit integer (`orderId` in the API's specification).
public struct OrderID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The number, 1 or more.
  public let value: Int64

  /// Returns `nil` unless `value` is positive.
  @inlinable
  public init?(_ value: Int64) {
    guard value > 0 else { return nil }
    self.value = value
  }

  /// The number in decimal digits, as the API's path has it.
  public var description: String { String(value) }

  /// Orders by number.
  @inlinable
  public static func < (left: OrderID, right: OrderID) -> Bool { left.value < right.value }
}

/// The name of an account in the worker's configuration; never one of its keys.
public struct AccountName: Hashable, Sendable, CustomStringConvertible {
  /// The name as configured.
  public let description: String

  /// An account of that name, which is kept as it is.
  @inlinable
  public init(_ name: String) {
    self.description = name
  }
}

extension AccountName: ExpressibleByStringLiteral {
  /// An account of that name, which is kept as it is.
  public init(stringLiteral name: String) {
    self.init(name)
  }
}

/// The place of a request in Kafka; no two requests share it.
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

/// Which worker gave an answer.
public struct WorkerIdentity: Hashable, Sendable {
  /// The instance's id, as configured.
  public var instance: String
  /// The program's version.
  public var version: String

  /// A worker with the given members.
  public init(instance: String, version: String) {
    self.instance = instance
    self.version = version
  }
}

/// Which of the API's two worlds an account lives in.
public enum APIEnvironment: UInt8, Sendable, CaseIterable {
  /// Virtual money.
  case demo = 0
  /// Real money.
  case real = 1

  /// The environment's name in configuration.
  public var name: String {
    switch self {
    case .demo: "demo"
    case .real: "real"
    }
  }

  /// The environment of that name, in capital or small letters; `nil` for any other text.
  public init?(name: some StringProtocol) {
    let name = name.lowercased()
    guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }
}
