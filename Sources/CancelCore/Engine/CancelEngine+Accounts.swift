import CancelContract

extension CancelEngine {
  /// Takes `configured` as all accounts there are, each with the number of its user key, and `defaultAccount` for
  /// requests that name none.
  ///
  /// Orders of an account that is gone are answered `failed`; those of one whose key changed wait for the new key.
  public mutating func configure(accounts configured: [AccountName: QuotaKey], at now: Timestamp) {
    let highest = configured.values.map(\.index).max() ?? -1
    while keys.count <= highest { keys.append(KeyState(policy: policy)) }
    accounts.configure(configured)
    for (number, partition) in partitions where partition.phase == .active {
      for (orderKey, order) in partition.open {
        let ref = OrderRef(key: orderKey, partition: number)
        if case .inFlight = order.stage { continue }
        guard let key = accounts.quotaKey(of: orderKey.account) else {
          failRemovedAccount(ref, at: now)
          continue
        }
        if case .waiting(let old) = order.stage, old != key {
          leaveQueue(order)
          enterQueue(ref)
        }
      }
    }
  }

  /// Whether requests for this account (`nil`: the default) can be taken.
  public func accepts(account: AccountName?) -> Bool {
    accounts.configuredNumber(of: account ?? accounts.defaultAccount) != nil
  }

  mutating func failRemovedAccount(_ ref: OrderRef, at now: Timestamp) {
    let name = accounts.name(of: ref.key.account)
    closeUnremembered(ref, at: now) { _, _ in
      Closing(
        outcome: .failed,
        problem: Problem(
          .accountRemoved,
          detail: "the account '\(name)' was taken out of the configuration while the request waited: "
            + "put it back, or send the request with another account"))
    }
  }
}
