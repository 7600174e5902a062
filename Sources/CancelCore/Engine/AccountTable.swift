import CancelContract

/// An account by the number that an `AccountTable` gave its name.
struct AccountNumber: Hashable, Sendable {
  let index: Int32
}

/// The accounts that are configured, and the names of all that were ever seen, each under a small number.
struct AccountTable: Sendable {
  private var numbers: [AccountName: AccountNumber] = [:]
  private var names: [AccountName] = []
  private var quotaKeys: [QuotaKey?] = []
  private var environments: [AccountNumber: APIEnvironment] = [:]
  /// Stands for requests that name none.
  private let defaultNumber: AccountNumber

  init(defaultAccount: AccountName) {
    defaultNumber = AccountNumber(index: 0)
    numbers[defaultAccount] = defaultNumber
    names.append(defaultAccount)
    quotaKeys.append(nil)
  }

  /// The number of a name, given now if it has none.
  mutating func number(of name: AccountName) -> AccountNumber {
    if let number = numbers[name] { return number }
    let number = AccountNumber(index: Int32(names.count))
    numbers[name] = number
    names.append(name)
    quotaKeys.append(nil)
    return number
  }

  /// The number of a configured account (`nil`: the default); `nil` where none of that name is configured.
  func configuredNumber(of name: AccountName?) -> AccountNumber? {
    guard let number = name.map({ numbers[$0] }) ?? defaultNumber, quotaKeys[Int(number.index)] != nil else {
      return nil
    }
    return number
  }

  func name(of number: AccountNumber) -> AccountName { names[Int(number.index)] }

  /// The user key of an account; `nil` where it is not configured (any more).
  func quotaKey(of number: AccountNumber) -> QuotaKey? { quotaKeys[Int(number.index)] }

  /// The environment of an account; `nil` where it was not told.
  func environment(of number: AccountNumber) -> APIEnvironment? { environments[number] }

  /// All accounts that are configured, by name.
  var configured: [AccountNumber] {
    quotaKeys.indices.filter { quotaKeys[$0] != nil }
      .sorted { names[$0].description < names[$1].description }
      .map { AccountNumber(index: Int32($0)) }
  }

  /// Takes `accounts` as all that are configured.
  mutating func configure(_ accounts: [AccountName: QuotaKey], environments: [AccountName: APIEnvironment]) {
    self.environments = [:]
    for index in quotaKeys.indices { quotaKeys[index] = nil }
    // By name: numbers decide what goes first where nothing else does.
    for (name, key) in accounts.sorted(by: { $0.key.description < $1.key.description }) {
      let number = number(of: name)
      quotaKeys[Int(number.index)] = key
      self.environments[number] = environments[name]
    }
  }
}
