/// What an account proves itself with: never both kinds, for the API refuses that.
public enum Credential: Sendable, Equatable {
  /// The application's key and the user's key (`x-api-key`, `x-user-key`).
  case keyPair(apiKey: Secret, userKey: Secret)
  /// An OAuth2 token (`authorization: Bearer`).
  case bearer(Secret)

  /// The headers that carry the credential, in lower case.
  var headers: [(name: String, value: String)] {
    switch self {
    case .keyPair(let apiKey, let userKey):
      [("x-api-key", apiKey.reveal()), ("x-user-key", userKey.reveal())]
    case .bearer(let token):
      [("authorization", "Bearer " + token.reveal())]
    }
  }

  /// Every secret in the credential with the member that names it in an accounts file.
  var secrets: [(member: String, secret: Secret)] {
    switch self {
    case .keyPair(let apiKey, let userKey): [("apiKey", apiKey), ("userKey", userKey)]
    case .bearer(let token): [("bearerToken", token)]
    }
  }
}
