import CancelContract
import HTTPTransport

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
