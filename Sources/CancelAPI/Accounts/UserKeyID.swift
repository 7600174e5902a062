import Crypto

/// Which user key an account uses, without the key: two accounts with the same one share its quota.
///
/// The first 128 bits of a SHA-256 over the environment and the user key or token. It stays the same over restarts, so
/// it can be stored; the key can't be had back from it.
public struct UserKeyID: Hashable, Sendable {
  private let high: UInt64
  private let low: UInt64

  /// The identity of `credential`'s user key or token in `environment`.
  public init(environment: APIEnvironment, credential: Credential) {
    var hash = SHA256()
    let secret: Secret
    switch credential {
    case .keyPair(_, let userKey):
      hash.update(data: Array("\(environment.name)/userKey/".utf8))
      secret = userKey
    case .bearer(let token):
      hash.update(data: Array("\(environment.name)/bearer/".utf8))
      secret = token
    }
    secret.withValue { hash.update(data: Array($0)) }
    var words: (high: UInt64, low: UInt64) = (0, 0)
    for (index, byte) in hash.finalize().prefix(16).enumerated() {
      if index < 8 { words.high = words.high << 8 | UInt64(byte) } else { words.low = words.low << 8 | UInt64(byte) }
    }
    self.high = words.high
    self.low = words.low
  }

  /// An identity as `bytes` gave it; `nil` unless there are 16 of them.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 16 else { return nil }
    self.high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    self.low = bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The identity's 16 bytes.
  public var bytes: [UInt8] {
    [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) } }
  }
}

extension UserKeyID: CustomStringConvertible {
  /// The first 32 bits in hexadecimal: enough to tell keys apart in a log.
  public var description: String {
    let digits = String(high >> 32, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}
