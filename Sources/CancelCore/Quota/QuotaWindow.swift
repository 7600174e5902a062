import CancelContract
import DequeModule

/// The rolling quota of one user key: a log of the slots that its calls hold.
///
/// A slot is taken when a call is sent and is free again one window after its answer came: the server saw the call no
/// later than that, so jitter on the way can't put one call too many into its window. The server's own count, in the
/// headers of its answers, overrules this one: what others use of the key shows as *foreign* slots.
///
/// After a window of silence the first call goes alone and the rest of the burst follows its answer, which tells what
/// is left of the window. So a key that others use too, or that was used before a restart, costs at most one 429.
public struct QuotaWindow: Sendable {
  /// When a call may be sent.
  public enum Availability: Equatable, Sendable {
    /// At once.
    case now
    /// Not before this time.
    case at(Timestamp)
    /// When an answer that is on its way has come.
    case afterAnswer
  }

  /// How long a burst waits for its first call's answer before it goes by the local count.
  public static let confirmationPatience = Duration.milliseconds(500)

  /// No header makes the window larger.
  private static let highestLimit = 1_000_000

  private let configuredLimit: Int
  private let window: Duration
  private let reserved: Int

  private var releases = Deque<Timestamp>()
  private var inFlight = 0
  private var blockedUntil = Timestamp.distantPast
  private var lastAnswerAt = Timestamp.distantPast
  private var lastSentAt = Timestamp.distantPast
  private var sends: UInt64 = 0
  private var throttledSinceAnswer = false
  private var foreignSeenAt: Timestamp?
  private var serverLimit: Int?
  private var wasThrottled = false

  /// An unused window of `calls` calls (0: none are counted) per `window`, of which `reserved` are for kill-switches.
  public init(calls: Int, window: Duration, reserved: Int) {
    self.configuredLimit = calls
    self.window = window
    self.reserved = reserved
  }

  /// Calls allowed in a window: the server's word where it gave one, else the configured number; `nil` for no limit.
  public var limit: Int? {
    if configuredLimit == 0 { return wasThrottled ? serverLimit : nil }
    guard let serverLimit else { return configuredLimit }
    return wasThrottled ? min(serverLimit, configuredLimit) : serverLimit
  }

  /// Slots that are free at `now`, the reserve among them; `nil` for no limit.
  public func free(at now: Timestamp) -> Int? {
    guard let limit else { return nil }
    return max(0, limit - inFlight - (releases.count - releasedCount(at: now)))
  }

  /// Until when a 429 forbids calls, where it does at `now`.
  public func blocked(at now: Timestamp) -> Timestamp? {
    blockedUntil > now ? blockedUntil : nil
  }

  /// When the next call of this priority may be sent.
  public mutating func availability(for priority: Priority, at now: Timestamp) -> Availability {
    expire(at: now)
    if blockedUntil > now { return .at(blockedUntil) }
    if inFlight > 0 {
      if throttledSinceAnswer { return .afterAnswer }
      let patienceEnds = lastSentAt + QuotaWindow.confirmationPatience
      if needsConfirmation(at: now) && now < patienceEnds { return .at(patienceEnds) }
    }
    guard let limit else { return .now }
    let spare = keepsSpareSlot(at: now) && inFlight > 0 ? 1 : 0
    let kept = (priority == .killSwitch ? 0 : min(reserved, limit - 1)) + spare
    let used = inFlight + releases.count
    if used + kept < limit { return .now }
    let mustFree = used + kept + 1 - limit
    guard mustFree <= releases.count else { return .afterAnswer }
    return .at(releases[mustFree - 1])
  }

  /// A call is sent.
  ///
  /// - Returns: what `answered` needs to know of it.
  public mutating func take(at now: Timestamp) -> Slot {
    sends += 1
    lastSentAt = now
    inFlight += 1
    return Slot(number: sends, wentAlone: inFlight == 1)
  }

  /// A call that took a slot.
  public struct Slot: Sendable {
    let number: UInt64
    let wentAlone: Bool
  }

  /// A call came to nothing before it was sent: the server never saw it, so it holds no slot.
  public mutating func notSent(_ slot: Slot) {
    inFlight -= 1
  }

  /// A call was answered (or given up) at `now` in any way but by a 429.
  public mutating func answered(_ slot: Slot, rateLimit: RateLimit?, at now: Timestamp) {
    inFlight -= 1
    expire(at: now)
    throttledSinceAnswer = false
    lastAnswerAt = now
    guard limit != nil else { return }
    insert(now + window)
    guard let rateLimit else { return }
    adoptLimit(rateLimit)
    guard let remaining = rateLimit.remaining, let limit else { return }
    let usedByServersCount = limit - min(max(remaining, 0), limit)
    let known = releases.count + inFlight
    if usedByServersCount > known {
      foreignSeenAt = now
      for _ in 0..<min(usedByServersCount - known, limit) { insert(now + window) }
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
    throttledSinceAnswer = true
    foreignSeenAt = now
    wasThrottled = true
    let wait = rateLimit?.retryAfter ?? rateLimit?.resetAfter ?? min(window, .seconds(1))
    blockedUntil = max(blockedUntil, now + max(wait, .milliseconds(10)))
  }

  /// A call of before a restart holds its slot until `release`.
  public mutating func restore(release: Timestamp) {
    guard configuredLimit > 0 else { return }
    insert(release)
  }

  /// The times at which slots are free again, earliest first, for estimates.
  public var releaseTimes: Deque<Timestamp> { releases }

  var windowLength: Duration { window }
  var reservedCalls: Int { reserved }

  private func needsConfirmation(at now: Timestamp) -> Bool {
    guard let limit else { return false }
    let freshness = keepsSpareSlot(at: now) ? window / limit : window
    return lastAnswerAt == .distantPast || lastAnswerAt + freshness <= now
  }

  private func keepsSpareSlot(at now: Timestamp) -> Bool {
    guard let foreignSeenAt else { return false }
    return foreignSeenAt + window * 10 > now
  }

  private mutating func adoptLimit(_ rateLimit: RateLimit) {
    guard let told = rateLimit.limit, told > 0 else { return }
    serverLimit = min(told, QuotaWindow.highestLimit)
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

  private mutating func expire(at now: Timestamp) {
    while let first = releases.first, first <= now { releases.removeFirst() }
  }

  private mutating func insert(_ release: Timestamp) {
    if let last = releases.last, last > release {
      let index = releases.firstIndex { $0 > release } ?? releases.endIndex
      releases.insert(release, at: index)
    } else {
      releases.append(release)
    }
  }
}
