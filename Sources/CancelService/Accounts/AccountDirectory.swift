import CancelAPI
import CancelContract
import CancelCore

/// The accounts in force, and the number of each user key; a key keeps its number for as long as the worker runs.
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

  /// Takes `accounts` as all there are.
  mutating func replace(with accounts: Accounts) {
    self.accounts = accounts
    for name in accounts.names {
      guard let id = accounts[name]?.userKeyID, numbers[id] == nil else { continue }
      numbers[id] = QuotaKey(index: keyIDs.count)
      keyIDs.append(id)
    }
  }
}
