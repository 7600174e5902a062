import CancelContract
import DequeModule

extension QuotaWindow {
  /// Slots that are free at `now`, the reserve among them; `nil` for no limit.
  public func free(at now: Timestamp) -> Int? {
    guard let limit else { return nil }
    return max(0, limit - inFlight - (releases.count - releasedCount(at: now)))
  }

  /// Until when a 429 forbids calls, where it does at `now`.
  public func blocked(at now: Timestamp) -> Timestamp? {
    blockedUntil > now ? blockedUntil : nil
  }

  /// The times at which slots are free again, earliest first.
  public var releaseTimes: Deque<Timestamp> { releases }

  /// Whether the last answer that tells of the quota was a 429.
  var isThrottled: Bool { throttling.isUnconfirmed }

  /// When the next call of this priority can be sent; to be asked of a copy, for it drops what is past.
  func nextCall(_ priority: Priority, at now: Timestamp) -> Availability {
    var copy = self
    return copy.availability(for: priority, at: now)
  }

  /// When the next call can be sent; `nil` for at once, and where only an answer can tell.
  public func nextFree(at now: Timestamp) -> Timestamp? {
    var copy = self
    if case .at(let time) = copy.availability(for: .killSwitch, at: now) { return time }
    return nil
  }

  /// When the call at this place of the queue (from 1) can be expected, if nothing overtakes it.
  public func estimate(place: Int, priority: Priority, at now: Timestamp) -> Timestamp {
    let start = max(blockedUntil, now)
    guard let limit else { return start }
    let kept = priority == .killSwitch ? 0 : min(reserved, limit - 1)
    let usable = limit - kept
    let held = releases.suffix(releases.count - releasedCount(at: now))
    let free = limit - inFlight - held.count - kept
    guard place > free else { return start }
    // Slots come free in this order: those held now, those of calls in flight a window from now, then again.
    let turn = place - max(0, free) - 1 + max(0, -free)
    let times = Array(held.suffix(usable)) + Array(repeating: now + window, count: min(inFlight, usable))
    let round = turn / usable
    let within = turn % usable
    let skipped = max(0, times.count - usable)
    let ready = times.dropFirst(skipped)
    let base = within < ready.count ? ready[ready.startIndex + within] : now + window
    return max(start, base) + window * round
  }

  private func releasedCount(at now: Timestamp) -> Int {
    var low = 0
    var high = releases.count
    while low < high {
      let middle = (low + high) / 2
      if releases[middle] <= now { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
