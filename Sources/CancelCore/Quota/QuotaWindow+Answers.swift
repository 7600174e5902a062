import CancelContract

extension QuotaWindow {
  /// A call came to nothing before it was sent: the server never saw it, so it holds no slot.
  public mutating func notSent(_ slot: Slot) {
    inFlight -= 1
  }

  /// A call was answered (or given up) at `now` in any way but by a 429.
  public mutating func answered(_ slot: Slot, rateLimit: RateLimit?, at now: Timestamp) {
    inFlight -= 1
    expire(at: now)
    lastAnswerAt = now
    throttling.answered(tellsRemaining: rateLimit?.remaining != nil, window: window, at: now)
    guard limit != nil else { return }
    insert(now + window)
    guard let rateLimit else { return }
    adoptLimit(rateLimit)
    guard let remaining = rateLimit.remaining, let limit, remaining <= limit else { return }
    let usedByServersCount = limit - max(0, remaining)
    let known = releases.count + inFlight
    if usedByServersCount > known {
      foreignSeenAt = now
      for _ in 0..<(usedByServersCount - known) { insert(now + window) }
    } else if slot.wentAlone && slot.number == sends {
      // No other call can have been under way, so the server's count is exact: what it has freed is free.
      let surplus = releases.count - max(usedByServersCount, 1)
      if surplus > 0 { releases.removeFirst(surplus) }
    }
  }

  /// A call was answered with 429: it holds no slot, and nothing is sent until the server's time has passed.
  public mutating func throttled(_ slot: Slot, rateLimit: RateLimit?, at now: Timestamp) {
    inFlight -= 1
    expire(at: now)
    if let rateLimit { adoptLimit(rateLimit) }
    foreignSeenAt = now
    let wait = throttling.throttled(
      sentAt: slot.sentAt, used: configuredLimit > 0 ? releases.count + inFlight : nil,
      told: rateLimit?.retryAfter ?? rateLimit?.resetAfter,
      window: window, at: now)
    blockedUntil = max(blockedUntil, now + wait)
  }

  private mutating func adoptLimit(_ rateLimit: RateLimit) {
    guard let told = rateLimit.limit, told > 0 else { return }
    serverLimit = min(told, QuotaWindow.highestLimit)
  }
}
