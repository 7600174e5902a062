import CancelContract
import Crypto
import HTTPTransport
import Synchronization

/// One configured account: where its orders live and how it proves itself.
public struct Account: Sendable {
  private let storage: Storage

  /// An account with the given credential.
  ///
  /// - Throws: ``AccountFault`` where a secret can't stand in a header.
  public init(name: AccountName, environment: APIEnvironment, credential: Credential) throws(AccountFault) {
    for (member, secret) in credential.secrets where !secret.isHeaderSafe {
      throw AccountFault(account: name.description, member: member, message: AccountFault.notHeaderSafe)
    }
    self.storage = Storage(name: name, environment: environment, credential: credential)
  }

  /// The name that requests use.
  public var name: AccountName { storage.name }

  /// Whether its orders are real or the demo's.
  public var environment: APIEnvironment { storage.environment }

  /// What it proves itself with.
  public var credential: Credential { storage.credential }

  /// The user key whose quota it draws on.
  public var userKeyID: UserKeyID { storage.userKeyID }

  /// The credential's headers, encoded once.
  var secretHeaders: HTTPSecretHeaders { storage.secretHeaders }

  /// One reference instead of a dozen, for accounts travel with every call.
  private final class Storage: Sendable {
    let name: AccountName
    let environment: APIEnvironment
    let credential: Credential
    let userKeyID: UserKeyID
    let secretHeaders: HTTPSecretHeaders

    init(name: AccountName, environment: APIEnvironment, credential: Credential) {
      self.name = name
      self.environment = environment
      self.credential = credential
      self.userKeyID = UserKeyID(environment: environment, credential: credential)
      self.secretHeaders = HTTPSecretHeaders(credential.headers)
    }
  }
}

extension Account: Equatable {
  /// Whether name, environment and credential are the same.
  public static func == (left: Account, right: Account) -> Bool {
    left.storage === right.storage
      || left.name == right.name && left.environment == right.environment && left.credential == right.credential
  }
}

extension Account: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The name, the environment and the user key's identity.
  public var description: String { "\(name) (\(environment.name), user key \(userKeyID))" }

  /// The same as ``description``.
  public var debugDescription: String { description }

  /// A mirror without children, so that `dump` finds nothing.
  public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// Every configured account, by name.
public struct Accounts: Sendable {
  private let byName: [AccountName: Account]

  /// These accounts; of two with one name the last is kept.
  public init(_ accounts: some Sequence<Account>) {
    self.byName = Dictionary(accounts.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
  }

  /// The account of that name, where there is one.
  public subscript(name: AccountName) -> Account? { byName[name] }

  /// Every name, in no order.
  public var names: some Collection<AccountName> & Sendable { byName.keys }

  /// Every account, in no order.
  package var all: some Collection<Account> & Sendable { byName.values }

  /// How many accounts there are.
  public var count: Int { byName.count }
}

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

/// A key or token that must never be seen: it prints, reflects and encodes as `<redacted>`.
///
/// Only this package can read it, to put it into a request's headers.
public struct Secret: Sendable, Equatable {
  private let storage: Storage

  /// Takes the key or token as it is.
  public init(_ value: String) {
    self.storage = Storage(value)
  }

  /// Whether both are the same key or token.
  public static func == (left: Secret, right: Secret) -> Bool {
    left.storage === right.storage || left.storage.value == right.storage.value
  }

  /// Calls `body` with the key or token in UTF-8.
  package func withValue<Result>(_ body: (String.UTF8View) throws -> Result) rethrows -> Result {
    try body(storage.value.utf8)
  }

  /// The key or token itself, for a request's headers and nothing else.
  package func reveal() -> String { storage.value }

  /// Whether the secret can stand in a header: not empty, and visible ASCII throughout.
  var isHeaderSafe: Bool {
    !storage.value.isEmpty && storage.value.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }

  /// Whether the secret is so short that ordinary text has it by chance.
  var isFoundByChance: Bool { storage.value.utf8.count < EchoSearch.shortestSecret }

  /// What finds the secret in text; `nil` where it is empty. Made when it is first asked for, and then kept: of
  /// many thousand accounts most never send a call.
  var search: EchoSearch? { storage.search }

  /// The value with what was made of it, shared by every copy.
  private final class Storage: Sendable {
    let value: String
    private let made = Mutex<EchoSearch??>(nil)

    init(_ value: String) {
      self.value = value
    }

    var search: EchoSearch? {
      made.withLock { made in
        if let made { return made }
        let search = EchoSearch(value)
        made = .some(search)
        return search
      }
    }
  }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable, Encodable {
  /// Replaces a secret wherever it would be shown.
  private static let redacted = "<redacted>"

  /// `<redacted>`
  public var description: String { Self.redacted }

  /// `<redacted>`
  public var debugDescription: String { Self.redacted }

  /// A mirror without children, so that `dump` finds nothing.
  public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }

  /// Encodes `<redacted>`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(Self.redacted)
  }
}
