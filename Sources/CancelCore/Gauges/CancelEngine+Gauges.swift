import CancelContract

extension CancelEngine {
  /// Counts what is open and what holds it back; O(n) in the open orders and the keys.
  public func gauges(at now: Timestamp) -> EngineGauges {
    var gauges = EngineGauges()
    gauges.apiOutSince = apiGate.outSince
    orders.forEach { order in
      guard partitions[order.ref.partition].phase != .restoring else { return }
      gauges.add(order)
    }
    for result in results { gauges.addAge(produced: result.stages.produced, received: result.stages.received) }
    for result in committing?.results ?? [] {
      gauges.addAge(produced: result.stages.produced, received: result.stages.received)
    }
    gauges.keys.reserveCapacity(keys.count)
    for index in keys.indices {
      let key = KeyGauges(QuotaKey(index: index), keys[index], at: now)
      gauges.keys.append(key)
      guard key.waiting > 0 else { continue }
      let at = max(key.nextFreeAt ?? now, keys[index].gate.opensAt(now) ?? .distantFuture)
      if at < .distantFuture { gauges.nextFreeCallAt = min(gauges.nextFreeCallAt ?? .distantFuture, max(at, now)) }
    }
    return gauges
  }
}
