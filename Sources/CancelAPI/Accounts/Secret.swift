/// A key or token that must never be seen: it prints, reflects and encodes as `<redacted>`.
///
/// Only this package can read it, to put it into a request's headers.
public struct Secret: Sendable, Equatable {
  private let value: String

  /// Takes the key or token as it is.
  public init(_ value: String) {
    self.value = value
  }

  /// Calls `body` with the key or token in UTF-8.
  package func withValue<Result>(_ body: (String.UTF8View) throws -> Result) rethrows -> Result {
    try body(value.utf8)
  }

  /// The key or token itself, for a request's headers and nothing else.
  package func reveal() -> String { value }

  /// Whether the secret can stand in a header: not empty, and visible ASCII throughout.
  var isHeaderSafe: Bool {
    !value.isEmpty && value.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable, Encodable {
  /// What stands in a secret's place wherever it would be shown.
  private static let redacted = "<redacted>"

  /// `<redacted>`
  public var description: String { Self.redacted }

  /// `<redacted>`
  public var debugDescription: String { Self.redacted }

  /// A mirror without children, so that `dump` finds nothing.
  public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }

  /// Encodes `<redacted>`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(Self.redacted)
  }
}
