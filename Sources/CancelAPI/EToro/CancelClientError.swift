/// Why a client could not be made.
public struct CancelClientError: Error, Sendable, CustomStringConvertible {
  /// The kinds of fault; more may come.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    /// The code's name.
    public let description: String

    /// The base URL can't be read.
    public static let baseURL = Code(description: "baseURL")
    /// The base URL would let credentials travel readable.
    public static let plaintext = Code(description: "plaintext")
    /// A cancel path's template is wrong.
    public static let path = Code(description: "path")
    /// The trust roots can't be read, or TLS can't be set up with them.
    public static let tls = Code(description: "tls")
    /// A number or duration is out of its range.
    public static let limit = Code(description: "limit")
  }

  /// The kind of fault.
  public let code: Code
  /// What is wrong and what to do about it.
  public let message: String
  /// The error underneath, where there is one.
  public let cause: (any Error)?

  /// A fault of that kind.
  init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  /// The message.
  public var description: String { message }
}
