import Synchronization

/// A key or token that must never be seen: it prints, reflects and encodes as `<redacted>`.
///
/// Only this package can read it, to put it into a request's headers.
public struct Secret: Sendable, Equatable {
  private let storage: Storage

  /// Takes the key or token as it is.
  public init(_ value: String) {
    self.storage = Storage(value)
  }

  /// Whether both are the same key or token.
  public static func == (left: Secret, right: Secret) -> Bool {
    left.storage === right.storage || left.storage.value == right.storage.value
  }

  /// Calls `body` with the key or token in UTF-8.
  package func withValue<Result>(_ body: (String.UTF8View) throws -> Result) rethrows -> Result {
    try body(storage.value.utf8)
  }

  /// The key or token itself, for a request's headers and nothing else.
  package func reveal() -> String { storage.value }

  /// Whether the secret can stand in a header: not empty, and visible ASCII throughout.
  var isHeaderSafe: Bool {
    !storage.value.isEmpty && storage.value.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }

  /// Whether the secret is too short to be told from ordinary text in an answer that repeats it.
  var isTooShortToFind: Bool { storage.value.utf8.count < EchoSearch.shortestSecret }

  /// What finds the secret in text; `nil` where it is too short. Made when it is first asked for, and then kept: of
  /// many thousand accounts most never send a call.
  var search: EchoSearch? { storage.search }

  /// The value with what was made of it, shared by every copy.
  private final class Storage: Sendable {
    let value: String
    private let made = Mutex<EchoSearch??>(nil)

    init(_ value: String) {
      self.value = value
    }

    var search: EchoSearch? {
      made.withLock { made in
        if let made { return made }
        let search = EchoSearch(value)
        made = .some(search)
        return search
      }
    }
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
