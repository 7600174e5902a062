import CancelContract

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

  /// How many accounts there are.
  public var count: Int { byName.count }
}
