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

extension Problem {
  /// The member `type`; `nil` where it is missing, null or no string.
  public var type: String? { value("type")?.string }
  /// The member `title`; `nil` where it is missing, null or no string.
  public var title: String? { value("title")?.string }
  /// The member `detail`; `nil` where it is missing, null or no string.
  public var detail: String? { value("detail")?.string }
  /// The member `status`; `nil` where it is missing, null or no integer.
  public var status: Int? { value("status")?.integer.flatMap(Int.init(exactly:)) }
  /// The worker's own kind of problem; `nil` for one from the API.
  public var problemType: ProblemType? { type.flatMap(ProblemType.init(uri:)) }

  private func value(_ name: String) -> JSONValue? {
    (try? JSONValue(json.utf8))?[name]
  }
}

extension ProblemType {
  /// The kind of problem that has this `type`; `nil` where it is none of the worker's.
  public init?(uri: String) {
    guard uri.hasPrefix(Self.prefix) else { return nil }
    self.init(rawValue: String(uri.dropFirst(Self.prefix.count)))
  }
}

extension Problem {
  /// The problem in a few words, for people: its detail, else its title, else its type.
  public var summary: String? { detail ?? title ?? type }
}

extension Problem {
  /// A problem of the worker's own.
  ///
  /// - Parameters:
  ///   - type: The kind of problem, which sets `type` and `title`.
  ///   - detail: What happened and what can be done, for people.
  ///   - status: The API's status code, where there was one.
  ///   - member: The member of the request that is at fault.
  ///   - since: Since when it has been so.
  public init(
    _ type: ProblemType,
    detail: String,
    status: Int? = nil,
    member: String? = nil,
    since: Timestamp? = nil
  ) {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.member("type", type.uri)
    writer.member("title", type.title)
    if let status { writer.member("status", Int64(status)) }
    writer.member("detail", detail)
    if let member { writer.member("member", member) }
    if let since { writer.member("since", since) }
    writer.endObject()
    self.init(json: JSONText(wellFormed: writer.bytes))
  }
}

extension Problem {
  /// The largest answer that is kept as it came, in bytes.
  public static let maximumAPIBytes = 64 * 1024
  /// One level less than a reader allows, for the result wraps the problem in an object of its own.
  private static let maximumAPIDepth = JSONReader.deepest - 1

  /// The problem in an answer of the API: its object as it came, whatever members it has; where the body is none, a
  /// problem made from the status.
  ///
  /// The content type is not looked at, for the API sends problems as `application/json`. A body that can't be used is
  /// not repeated.
  ///
  /// - Parameters:
  ///   - body: The answer's body; may be empty.
  ///   - status: The answer's status code.
  public init(apiBody body: [UInt8], status: Int) {
    let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let text = body.starts(with: byteOrderMark) ? Array(body.dropFirst(byteOrderMark.count)) : body
    let reason: String
    if body.isEmpty {
      reason = "sent no body"
    } else if body.count > Self.maximumAPIBytes {
      reason = "sent more than \(Self.maximumAPIBytes) bytes, which are left out"
    } else if let json = try? JSONText(checking: text, maximumDepth: Self.maximumAPIDepth) {
      if json.utf8.first != UInt8(ascii: "{") {
        reason = "sent JSON that is not an object"
      } else if Self.claimsOwnType(json) {
        reason = "sent a problem with a type of this worker, which is left out"
      } else {
        self.init(json: json)
        return
      }
    } else {
      reason = "sent content that is not JSON"
    }
    self.init(.apiStatus, detail: "the API answered \(status) and \(reason)", status: status)
  }

  /// Whether any member `type` is one of the worker's, which would tell readers that the worker wrote the problem.
  private static func claimsOwnType(_ json: JSONText) -> Bool {
    let members = (try? JSONValue(json.utf8))?.members ?? []
    return members.contains { $0.name == "type" && $0.value.string?.hasPrefix(ProblemType.prefix) == true }
  }
}

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
