import Foundation

/// A call of one of the routes, as far as its answer depends on it.
struct IncomingCall: Sendable {
  var order: Int64?
  var environment: String
  var requestID: String?
  var apiKey: String?
  var userKey: String?
  var bearer: String?

  /// What its quota is counted under.
  var key: String { userKey ?? bearer ?? "" }

  /// Refuses a call whose headers are not what the contract asks for, or whose key is.
  func refusal(_ configuration: SimulatorConfiguration) -> SimulatedAnswer? {
    guard let requestID, UUID(uuidString: requestID) != nil else {
      return .problem(400, "Bad Request", "The header x-request-id is missing or no UUID.")
    }
    if bearer != nil && (apiKey != nil || userKey != nil) {
      return .problem(422, "Unprocessable Content", "Send the keys or a bearer token, not both.")
    }
    let key: String
    if let bearer, !bearer.isEmpty {
      key = bearer
    } else if let apiKey, let userKey, !apiKey.isEmpty, !userKey.isEmpty {
      key = userKey
    } else {
      return .problem(401, "Unauthorized", "Invalid or missing authentication.")
    }
    if configuration.refusedKeys.contains(key) {
      return .problem(401, "Unauthorized", "Invalid or missing authentication.")
    }
    if configuration.forbiddenKeys.contains(key) {
      return .problem(403, "Forbidden", "The key may not cancel orders.")
    }
    return nil
  }
}
