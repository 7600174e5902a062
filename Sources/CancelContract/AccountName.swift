/// The name under which an account stands in the worker's configuration; never one of its keys.
public struct AccountName: Hashable, Sendable, CustomStringConvertible {
  /// The name as configured.
  public let description: String

  /// Takes the name as it is.
  @inlinable
  public init(_ name: String) {
    self.description = name
  }
}

extension AccountName: ExpressibleByStringLiteral {
  /// Takes the literal as it is.
  public init(stringLiteral name: String) {
    self.init(name)
  }
}
