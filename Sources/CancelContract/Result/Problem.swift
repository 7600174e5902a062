/// Why a cancel was not accepted: an RFC 9457 problem object.
///
/// A problem from the API is kept as it came, with every member; one of the worker's own has a stable `type`.
public struct Problem: Hashable, Sendable, CustomStringConvertible {
  /// The whole object.
  public let json: JSONText

  /// A problem whose object is already at hand.
  public init(json: JSONText) {
    self.json = json
  }

  /// The object's text.
  public var description: String { json.description }
}
