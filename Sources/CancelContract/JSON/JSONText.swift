/// A JSON value kept as the text it came in, so that it can be repeated byte for byte.
public struct JSONText: Hashable, Sendable, CustomStringConvertible {
  /// Well-formed JSON in UTF-8.
  public let utf8: [UInt8]

  /// Takes text that is known to be well-formed JSON.
  public init(wellFormed utf8: [UInt8]) {
    self.utf8 = utf8
  }

  /// The text itself.
  public var description: String { String(decoding: utf8, as: UTF8.self) }
}
