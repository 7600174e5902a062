/// Why a record is not the event that its reader expects.
public struct UnreadableEvent: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind of fault.
  public enum Code: Hashable, Sendable {
    /// The record has no value.
    case emptyValue
    /// `ce_type` names another kind of event.
    case otherType
    /// The value is not JSON; `cause` has the place.
    case notJSON
    /// A member is missing or has a value that it may not have.
    case memberInvalid
  }

  /// The kind of fault.
  public let code: Code
  /// What is wrong.
  public let message: String
  /// The fault in the JSON.
  public let cause: JSONFault?

  init(_ code: Code, _ message: String, cause: JSONFault? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  /// What is wrong, and the place in the JSON.
  public var description: String { cause.map { "\(message): \($0)" } ?? message }
}
