import CancelContract

extension CancelEngine {
  /// Takes `configured` as all accounts there are, each with the number of its user key.
  ///
  /// Orders of an account that is gone are answered `failed`; those of one whose key changed wait for the new key.
  /// Calls in flight are left to finish.
  ///
  /// - Parameter renewed: the keys whose credential is another one from now on: what is known of the old one's refusals
  ///   counts no more.
  public mutating func configure(
    accounts configured: [AccountName: QuotaKey], renewed: Set<QuotaKey> = [], at now: Timestamp
  ) {
    let highest = configured.values.map(\.index).max() ?? -1
    while keys.count <= highest { keys.append(KeyState(policy: policy)) }
    for key in renewed.sorted(by: { $0.index < $1.index }) {
      keys[key.index].breaker = CredentialBreaker()
      keys[key.index].lastCallBeforeRenewal = lastCall
      joinLineIfWaiting(key)
    }
    accounts.configure(configured)
    let accounts = self.accounts
    let moved = orders.slots { order in
      switch order.stage {
      case .waiting(let key), .backingOff(let key, _): accounts.quotaKey(of: order.ref.key.account) != key
      case .arriving, .inFlight, .held: false
      }
    }
    for slot in moved.sorted(by: { orders[$0].rank.arrival < orders[$1].rank.arrival }) { move(slot, at: now) }
  }

  private mutating func move(_ slot: OrderSlot, at now: Timestamp) {
    guard let key = accounts.quotaKey(of: orders[slot].ref.key.account) else {
      return failRemovedAccount(slot, at: now)
    }
    leaveQueue(orders[slot].stage)
    if case .backingOff(_, let until) = orders[slot].stage {
      orders[slot].stage = .backingOff(key, until: until)
      keys[key.index].backingOff += 1
    } else {
      enterQueue(slot)
    }
    if let refusal = standingRefusal(of: key, at: now) { refuse(slot, for: refusal, at: now) }
  }

  mutating func failRemovedAccount(_ slot: OrderSlot, at now: Timestamp) {
    let order = orders[slot]
    closeUnremembered(slot, at: now, with: .accountRemoved(accounts.name(of: order.ref.key.account), order))
  }
}
