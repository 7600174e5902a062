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

  /// The number in decimal digits, as it stands in the API's path.
  public var description: String { String(value) }

  /// Orders by number.
  @inlinable
  public static func < (left: OrderID, right: OrderID) -> Bool { left.value < right.value }
}
