extension Credential {
  /// Shorter secrets than this are not looked for: they would be found in any prose.
  private static let shortestSearched = 16

  /// Whether `text` has one of the secrets in it, as the answer of a server that echoes requests would have.
  func isRepeated(in text: Span<UInt8>) -> Bool {
    switch self {
    case .keyPair(let apiKey, let userKey): Self.find(apiKey, in: text) || Self.find(userKey, in: text)
    case .bearer(let token): Self.find(token, in: text)
    }
  }

  private static func find(_ secret: Secret, in text: Span<UInt8>) -> Bool {
    secret.withValue { secret in
      let length = secret.count
      guard length >= shortestSearched, length <= text.count, let first = secret.first else { return false }
      for start in 0...(text.count - length) where text[start] == first {
        var index = start
        let isSame = secret.allSatisfy { byte in
          defer { index += 1 }
          return text[index] == byte
        }
        if isSame { return true }
      }
      return false
    }
  }
}
