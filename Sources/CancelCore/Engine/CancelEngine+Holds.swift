import CancelContract

extension CancelEngine {
  /// Takes what operators hold back from now on: what is covered waits, its deadline running; what no longer is takes
  /// its turn again. Calls that are in flight are left to finish.
  public mutating func hold(_ holds: Holds, at now: Timestamp) {
    let before = self.holds
    guard before != holds else { return }
    self.holds = holds
    for event in before.all where !holds.all.contains(where: { $0.account == event.account }) { note(.released(event)) }
    for event in holds.all where !before.all.contains(event) { note(.held(event)) }
    let waiting = orders.slots { order in
      switch order.stage {
      case .waiting, .held: true
      case .arriving, .backingOff, .inFlight, .suspended: false
      }
    }
    for slot in waiting.sorted(by: { orders[$0].rank.arrival < orders[$1].rank.arrival }) {
      requeue(slot, at: now)
      planWaitCheck(slot, at: firstWaitCheck(now))
    }
  }

  /// Whether an order waits because an operator wants it to.
  func isHeld(_ slot: OrderSlot) -> Bool {
    !holds.isEmpty && holds.cover(accounts.name(of: orders[slot].ref.key.account), orders[slot].rank.priority)
  }
}
