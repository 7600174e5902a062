import CancelAPI
import CancelContract
import Synchronization

/// In which environment each configured account lives, for labels and traces; safe to ask from any thread.
public final class AccountEnvironments: Sendable {
  private struct Table {
    var byName: [AccountName: APIEnvironment] = [:]
    /// The one that all accounts share, where they do: the usual case costs no look-up.
    var only: APIEnvironment?
  }

  private let table: Mutex<Table>

  /// The environments of these accounts.
  public init(_ accounts: Accounts) {
    self.table = Mutex(Self.table(of: accounts))
  }

  /// Takes `accounts` as all that are configured.
  public func replace(with accounts: Accounts) {
    let new = Self.table(of: accounts)
    table.withLock { $0 = new }
  }

  /// The account's environment; `nil` where the account is not configured.
  public subscript(name: AccountName) -> APIEnvironment? {
    table.withLock { $0.only ?? $0.byName[name] }
  }

  private static func table(of accounts: Accounts) -> Table {
    var table = Table()
    for name in accounts.names { table.byName[name] = accounts[name]?.environment }
    let all = Set(table.byName.values)
    table.only = all.count == 1 ? all.first : nil
    return table
  }
}
