import CancelAPI
import CancelContract
import CancelCore

/// The accounts in force, and the number of each user key; a key keeps its number for as long as the worker runs, and a
/// token that takes another's place takes its number too: tokens change by the hour, the user and its quota don't.
struct AccountDirectory: Sendable {
  private(set) var accounts: Accounts
  private var numbers: [UserKeyID: QuotaKey] = [:]
  private(set) var keyIDs: [UserKeyID] = []

  init(_ accounts: Accounts) {
    self.accounts = accounts
    replace(with: accounts)
  }

  subscript(name: AccountName) -> Account? { accounts[name] }

  /// Every configured account with the number of its user key.
  var quotaKeys: [AccountName: QuotaKey] {
    var keys: [AccountName: QuotaKey] = [:]
    for name in accounts.names {
      guard let account = accounts[name] else { continue }
      keys[name] = numbers[account.userKeyID]
    }
    return keys
  }

  /// Every configured account with its environment.
  var environments: [AccountName: APIEnvironment] {
    var environments: [AccountName: APIEnvironment] = [:]
    for name in accounts.names { environments[name] = accounts[name]?.environment }
    return environments
  }

  /// Takes `accounts` as all there are.
  ///
  /// - Returns: the keys that prove themselves with another credential from now on.
  @discardableResult
  mutating func replace(with accounts: Accounts) -> Set<QuotaKey> {
    let earlier = self.accounts
    self.accounts = accounts
    let inUse = Set(accounts.names.lazy.compactMap { accounts[$0]?.userKeyID })
    var renewed: Set<QuotaKey> = []
    for name in accounts.names {
      guard let account = accounts[name] else { continue }
      let (id, before) = (account.userKeyID, earlier[name])
      if let number = numbers[id] {
        if let before, before.userKeyID == id, before.credential != account.credential { renewed.insert(number) }
      } else if let before, before.isSameUser(as: account), !inUse.contains(before.userKeyID),
        let number = numbers.removeValue(forKey: before.userKeyID)
      {
        numbers[id] = number
        keyIDs[number.index] = id
        renewed.insert(number)
      } else {
        numbers[id] = QuotaKey(index: keyIDs.count)
        keyIDs.append(id)
      }
    }
    return renewed
  }
}

extension Account {
  /// Whether `successor` is the same user with another token. A key pair names its user: another one is another user.
  fileprivate func isSameUser(as successor: Account) -> Bool {
    guard environment == successor.environment, case .bearer = credential, case .bearer = successor.credential else {
      return false
    }
    return true
  }
}
