import CancelContract

extension CancelEngine {
  /// The refusal for which an order of this key is to be answered at once, without a call; `nil` where its turn may
  /// come.
  func standingRefusal(of key: QuotaKey, at now: Timestamp) -> CredentialBreaker.Refusal? {
    guard policy.breakerMode == .failFast, case .refuse(let refusal, _) = keys[key.index].breaker.verdict(at: now)
    else { return nil }
    return refusal
  }

  /// Answers an order without a call, for its credential is refused.
  mutating func refuse(_ slot: OrderSlot, for refusal: CredentialBreaker.Refusal, at now: Timestamp) {
    let order = orders[slot]
    closeUnremembered(slot, at: now, with: .refused(refusal, accounts.name(of: order.ref.key.account), order))
  }

  /// Answers everything that waits for a key whose breaker has just opened.
  mutating func refuseWaiting(of key: QuotaKey, at now: Timestamp) {
    guard let refusal = standingRefusal(of: key, at: now) else { return }
    while let entry = firstWaiting(key) { refuse(entry.slot, for: refusal, at: now) }
    guard keys[key.index].backingOff > 0 else { return }
    let backingOff = orders.slots { order in
      if case .backingOff(key, _) = order.stage { true } else { false }
    }
    for slot in backingOff { refuse(slot, for: refusal, at: now) }
  }
}
