/// The worker's own problems: each has a stable `type` of the form `urn:cancel-worker:problem:<raw value>`.
public enum ProblemType: String, Sendable, CaseIterable {
  /// The record has no value (a tombstone) or an empty one.
  case emptyValue = "empty-value"
  /// The value is not UTF-8.
  case notUTF8 = "not-utf-8"
  /// The value is not well-formed JSON, or nests too deep.
  case notJSON = "not-json"
  /// The value is JSON but not an object.
  case notAnObject = "not-an-object"
  /// The value is larger than a request may be.
  case tooLarge = "too-large"
  /// A member appears twice in the object.
  case duplicateMember = "duplicate-member"
  /// `orderId` is missing.
  case orderIDMissing = "order-id-missing"
  /// `orderId` is not a positive 64-bit integer.
  case orderIDInvalid = "order-id-invalid"
  /// A member other than `orderId` has a value that it may not have.
  case memberInvalid = "member-invalid"
  /// The envelope (CloudEvents attributes, headers) is not what its specification asks for.
  case envelopeInvalid = "envelope-invalid"
  /// No account of that name is configured.
  case accountUnknown = "account-unknown"
  /// The account was taken out of the configuration while the request waited.
  case accountRemoved = "account-removed"
  /// The deadline passed before a call was sent.
  case deadlinePassed = "deadline-passed"
  /// The API refuses the account's credential; no call is spent on this request.
  case credentialRefused = "credential-refused"
  /// Calls were sent and failed until the deadline; none of them can have cancelled the order.
  case attemptsExhausted = "attempts-exhausted"
  /// A call was sent and its answer never came: the order may or may not be cancelled.
  case outcomeUnknown = "outcome-unknown"
  /// A sweep ended while orders were left.
  case ordersRemain = "orders-remain"
  /// A sweep ended without a list that tells whether orders are left.
  case ordersNotListed = "orders-not-listed"
  /// The API answered with this status and no problem of its own.
  case apiStatus = "api-status"
  /// The API could not be reached.
  case apiUnreachable = "api-unreachable"
  /// The API's answer broke off, never came, or could not be read.
  case apiAnswerLost = "api-answer-lost"

  /// The problem's `title`: one sentence that never changes.
  public var title: String {
    switch self {
    case .emptyValue: "The message has no value"
    case .notUTF8: "The message is not UTF-8"
    case .notJSON: "The message is not well-formed JSON"
    case .notAnObject: "The message is not a JSON object"
    case .tooLarge: "The message is too large"
    case .duplicateMember: "A member stands twice"
    case .orderIDMissing: "The order id is missing"
    case .orderIDInvalid: "The order id is not a positive 64-bit integer"
    case .memberInvalid: "A member has an invalid value"
    case .envelopeInvalid: "The envelope is invalid"
    case .accountUnknown: "The account is not configured"
    case .accountRemoved: "The account was removed from the configuration"
    case .deadlinePassed: "The deadline passed before a call was sent"
    case .credentialRefused: "The API refuses the account's credential"
    case .attemptsExhausted: "Every attempt failed until the deadline"
    case .outcomeUnknown: "The outcome is unknown"
    case .ordersRemain: "Orders are left"
    case .ordersNotListed: "The account's orders could not be listed"
    case .apiStatus: "The API refused the call"
    case .apiUnreachable: "The API could not be reached"
    case .apiAnswerLost: "The API's answer was lost"
    }
  }

  /// The problem's `type`.
  public var uri: String { Self.prefix + rawValue }

  /// What every `type` begins with.
  static let prefix = "urn:cancel-worker:problem:"
}
