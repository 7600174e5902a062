import CancelContract
import DequeModule

/// The rolling quota of one user key: a log of the slots that its calls hold, and what the API's answers say beside it.
///
/// A slot is taken when a call is sent and is free again one window after its answer came: the server saw the call no
/// later than that, so jitter on the way can't put one call too many into its window.
///
/// **The API's word.** An answer may tell of several limits, each a window of its own; a call is sent when every one
/// has room. The one that is this window (same length, or none told, and no more calls than configured) corrects the
/// log: what others use of the key shows as *foreign* slots, and a lower limit lowers this one. Any other is kept as an
/// *allowance*: so many calls until its reset. The configured number is a ceiling that headers never raise, unless they
/// are trusted to. A reset counts only while nothing remains, or with a 429.
///
/// After more than a window of silence the first call goes alone and the rest of the burst follows its answer, which
/// tells what is left of the window. So a key that others use too, or that was used before a restart, costs at most one
/// 429.
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

  /// A call that took a slot.
  public struct Slot: Sendable {
    fileprivate let number: UInt64
    /// When it was sent.
    fileprivate(set) var sentAt: Timestamp
    /// Whether no other call was in flight.
    fileprivate let wentAlone: Bool
    /// How many slots of the key had come free before.
    fileprivate let freedBefore: Int
  }

  /// Calls that one of the API's other limits still allows, until it starts afresh.
  private struct Allowance: Sendable {
    var calls: Int
    var until: Timestamp
  }

  /// How long a burst waits for its first call's answer before it goes by the local count.
  private static let confirmationPatience = Duration.milliseconds(500)
  /// Headers tell a reset in whole seconds, rounded up (RFC 9110 §10.2.3, and the rate-limit fields alike).
  private static let resetResolution = Duration.seconds(1)
  /// No limit that a header tells is taken for higher: it bounds what a hostile one can make the log hold.
  private static let highestLimit = 10_000
  /// How many of the API's limits are kept.
  private static let mostAllowances = 16

  /// Calls of the window that are for kill-switches alone.
  let reserved: Int
  private let window: Duration
  private let configuredLimit: Int
  private let trustsHeaders: Bool

  /// The times at which slots are free again, earliest first.
  private var releases = Deque<Timestamp>()
  /// How many slots have come free by their time.
  private var freed = 0
  /// Calls without an answer.
  private(set) var inFlight = 0
  /// Until when the API forbids calls.
  private var blockedUntil = Timestamp.distantPast
  private var allowances: [Allowance] = []
  /// When a call was last sent while none was in flight.
  private var wentAloneAt = Timestamp.distantPast
  private var lastAnswerAt = Timestamp.distantPast
  /// Calls sent so far.
  private var sends: UInt64 = 0
  /// When the last foreign use of the key showed.
  private var foreignSeenAt: Timestamp?
  private var serverLimit: Int?
  private var throttling = Throttling()

  /// An unused window.
  ///
  /// - Parameters:
  ///   - calls: Calls allowed in a window; 0 where none are counted.
  ///   - window: The window's length.
  ///   - reserved: How many of the calls are for kill-switches alone.
  ///   - trustsHeaders: Whether the API's headers may raise the number of calls.
  public init(calls: Int, window: Duration, reserved: Int, trustsHeaders: Bool = false) {
    self.configuredLimit = max(0, calls)
    self.window = window
    self.reserved = max(0, reserved)
    self.trustsHeaders = trustsHeaders
  }

  /// Calls allowed in a window: the configured number, or the API's where that is lower or trusted; `nil` for no limit.
  public var limit: Int? {
    let told: Int?
    if configuredLimit == 0 {
      told = throttling.wasThrottled ? serverLimit : nil
    } else if trustsHeaders, !throttling.wasThrottled || throttling.tellsRemaining {
      told = serverLimit ?? configuredLimit
    } else {
      told = min(serverLimit ?? configuredLimit, configuredLimit)
    }
    guard let learned = throttling.learnedLimit else { return told }
    return min(told ?? learned, learned)
  }

  /// When the next call of this priority may be sent.
  public mutating func availability(for priority: Priority, at now: Timestamp) -> Availability {
    expire(at: now)
    if let blocked = blocked(at: now) { return .at(blocked) }
    if inFlight > 0 {
      if throttling.isUnconfirmed { return .afterAnswer }
      let patienceEnds = wentAloneAt + Self.confirmationPatience
      if needsConfirmation(at: now) && now < patienceEnds { return .at(patienceEnds) }
    }
    guard let limit else { return .now }
    // Others may be sending too: a quarter of what seems free goes at once, and the answers tell what is left.
    if inFlight > 0, isShared(at: now), inFlight >= max(1, (limit - releases.count) / 4) { return .afterAnswer }
    let kept = priority == .killSwitch ? 0 : min(reserved, limit - 1)
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
    expire(at: now)
    sends += 1
    if inFlight == 0 { wentAloneAt = now }
    inFlight += 1
    for index in allowances.indices { allowances[index].calls -= 1 }
    return Slot(number: sends, sentAt: now, wentAlone: inFlight == 1, freedBefore: freed)
  }

  /// A call of before a restart, or of another owner of its partition, holds its slot until the time told.
  ///
  /// A slot that is in the log already, as it is when a partition comes back to the worker that made the calls, is not
  /// counted again.
  public mutating func restore(releases restored: [Timestamp]) {
    guard configuredLimit > 0 else { return }
    var own = releases[...]
    var merged: [Timestamp] = []
    for release in restored.sorted() {
      while let first = own.first, first < release { merged.append(own.removeFirst()) }
      if own.first == release { own.removeFirst() }
      merged.append(release)
    }
    releases = Deque(merged + own)
  }
}

// MARK: - What answers tell

extension QuotaWindow {
  /// A call came to nothing before it was sent: the server never saw it, so it holds no slot.
  public mutating func notSent(_ slot: Slot) {
    inFlight -= 1
    for index in allowances.indices { allowances[index].calls += 1 }
  }

  /// A call was answered (or given up) at `now` in any way but by a 429.
  public mutating func answered(_ slot: Slot, rateLimit: RateLimit?, at now: Timestamp) {
    inFlight -= 1
    expire(at: now)
    lastAnswerAt = now
    let policies = rateLimit?.policies ?? []
    let own = ownPolicy(among: policies)
    throttling.answered(tellsRemaining: own?.remaining != nil, window: window, at: now)
    allow(policies, own: own, ownCallsExplainIt: ownCallsExplain(own, slot, at: now), at: now)
    guard limit != nil else { return }
    insert(now + window)
    guard let own else { return }
    adoptLimit(own)
    let told = own.limit.flatMap { $0 > 0 ? $0 : nil } ?? limit
    guard let remaining = own.remaining, let told, remaining <= told else { return }
    let usedByServersCount = min(told, Self.highestLimit) - max(0, min(remaining, Self.highestLimit))
    let known = releases.count + inFlight + freedSince(slot)
    if usedByServersCount > known {
      foreignSeenAt = now
      let release = now + min(window, own.resetAfter ?? window)
      for _ in 0..<(usedByServersCount - known) { insert(release) }
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
    let policies = rateLimit?.policies ?? []
    let own = ownPolicy(among: policies)
    if let own { adoptLimit(own) }
    allow(policies, own: own, ownCallsExplainIt: false, at: now)
    foreignSeenAt = now
    // a limit with calls left that is larger than this window is not the one that was hit
    let resets = policies.filter { ($0.remaining ?? 0) <= 0 || isWithinCeiling($0) }.compactMap(\.resetAfter)
    let wait = throttling.throttled(
      sentAt: slot.sentAt, used: configuredLimit > 0 ? releases.count + inFlight : nil,
      told: rateLimit?.retryAfter ?? resets.max(), longest: longestBlock, window: window, at: now)
    blockedUntil = max(blockedUntil, now + wait)
  }

  /// The API asks for no call during this time, in an answer other than a 429.
  public mutating func pause(for wait: Duration, at now: Timestamp) {
    blockedUntil = max(blockedUntil, now + min(wait, longestBlock))
  }

  /// Nothing that an answer says keeps a key from calling for longer.
  private var longestBlock: Duration { max(window * 10, .seconds(60)) }

  /// The policy that is this window: of this length, or, where no length is told, the only one that it can be.
  private func ownPolicy(among policies: [RateLimit.Policy]) -> RateLimit.Policy? {
    if let same = policies.first(where: { $0.window == window && isWithinCeiling($0) }) { return same }
    let isCandidate = { (policy: RateLimit.Policy) in policy.window == nil && isWithinCeiling(policy) }
    guard let candidate = policies.first(where: isCandidate) else { return nil }
    return policies.count(where: isCandidate) == 1 ? candidate : nil
  }

  private func isWithinCeiling(_ policy: RateLimit.Policy) -> Bool {
    configuredLimit == 0 || trustsHeaders || policy.limit ?? 0 <= configuredLimit
  }

  private mutating func adoptLimit(_ policy: RateLimit.Policy) {
    guard let told = policy.limit, told > 0 else { return }
    serverLimit = min(told, Self.highestLimit)
  }

  /// Slots that came free while the call was under way: the server, which saw it before, may have counted them.
  private func freedSince(_ slot: Slot) -> Int { freed - slot.freedBefore }

  /// Whether the key's own calls are all that this policy counts, and the first of them is free no earlier than the
  /// policy's reset. Then the log tells the time to the millisecond, and the header, which is rounded up to a whole
  /// second, would only cost the rest of that second.
  private func ownCallsExplain(_ policy: RateLimit.Policy?, _ slot: Slot, at now: Timestamp) -> Bool {
    guard let policy, let limit, let remaining = policy.remaining, remaining <= 0 else { return false }
    guard let reset = policy.resetAfter else { return false }
    let known = releases.count + inFlight + 1 + freedSince(slot)
    guard known >= min(limit, policy.limit ?? limit) else { return false }
    let firstFree = freedSince(slot) > 0 ? now : releases.first ?? now + window
    return firstFree + Self.resetResolution >= now + min(reset, window)
  }

  /// Keeps what each policy allows until its reset. Calls in flight may not be in the server's count yet.
  private mutating func allow(
    _ policies: [RateLimit.Policy], own: RateLimit.Policy?, ownCallsExplainIt: Bool, at now: Timestamp
  ) {
    guard !policies.isEmpty else { return }
    var fresh: [Allowance] = []
    for policy in policies.prefix(Self.mostAllowances) {
      guard let remaining = policy.remaining else { continue }
      let reset: Duration?
      if policy == own {
        // the slots tell what is left of this very window, but for the time at which none is left no longer
        reset = remaining <= 0 && !ownCallsExplainIt ? policy.resetAfter.map { min($0, window) } : nil
      } else {
        // one that has nothing left and tells no time is asked again soon
        reset = policy.resetAfter ?? policy.window ?? (remaining <= 0 ? min(window, .seconds(1)) : nil)
      }
      guard let reset else { continue }
      let calls = max(0, min(remaining, Self.highestLimit)) - inFlight
      fresh.append(Allowance(calls: calls, until: now + min(reset, longestBlock)))
    }
    if inFlight > 0, allowances.count == fresh.count {
      // answers overtake each other: what is known already is kept where it allows less
      for index in fresh.indices where allowances[index].until > now {
        fresh[index].calls = min(fresh[index].calls, allowances[index].calls)
      }
    }
    allowances = fresh
  }

  private mutating func expire(at now: Timestamp) {
    while let first = releases.first, first <= now {
      releases.removeFirst()
      freed += 1
    }
    if !allowances.isEmpty { allowances.removeAll { $0.until <= now } }
  }

  private mutating func insert(_ release: Timestamp) {
    if let last = releases.last, last > release {
      let index = releases.firstIndex { $0 > release } ?? releases.endIndex
      releases.insert(release, at: index)
    } else {
      releases.append(release)
    }
  }

  /// Whether a burst is to wait for its first call's answer.
  private func needsConfirmation(at now: Timestamp) -> Bool {
    guard let limit else { return false }
    // Answers that came together are all one window old at the very time when the next burst may go.
    let freshness = isShared(at: now) ? window / limit : window + window / 4
    return lastAnswerAt + freshness <= now
  }

  /// Whether the key seems to be used by others too.
  private func isShared(at now: Timestamp) -> Bool {
    guard let foreignSeenAt else { return false }
    return foreignSeenAt + window * 10 > now
  }
}

// MARK: - The clock

extension QuotaWindow {
  /// The clock was set: every time keeps its distance to the present, so that nothing becomes free earlier or later.
  mutating func clockStepped(by step: Duration) {
    for index in releases.indices { releases[index].clockStepped(by: step) }
    blockedUntil.clockStepped(by: step)
    for index in allowances.indices { allowances[index].until.clockStepped(by: step) }
    wentAloneAt.clockStepped(by: step)
    lastAnswerAt.clockStepped(by: step)
    foreignSeenAt?.clockStepped(by: step)
    throttling.clockStepped(by: step)
  }
}

extension QuotaWindow.Slot {
  mutating func clockStepped(by step: Duration) { sentAt.clockStepped(by: step) }
}

// MARK: - Estimates

extension QuotaWindow {
  /// Slots that are free at `now`, the reserve among them; `nil` for no limit.
  public func free(at now: Timestamp) -> Int? {
    guard let limit else { return nil }
    let allowed = allowances.filter { $0.until > now }.map(\.calls).min() ?? .max
    return max(0, min(allowed, limit - inFlight - (releases.count - releasedCount(at: now))))
  }

  /// Until when the API forbids calls, where it does at `now`: the latest time at which each of its limits has room.
  public func blocked(at now: Timestamp) -> Timestamp? {
    var until = blockedUntil
    for allowance in allowances where allowance.calls <= 0 { until = max(until, allowance.until) }
    return until > now ? until : nil
  }

  /// Whether the last answer that tells of the quota was a 429.
  var isThrottled: Bool { throttling.isUnconfirmed }

  /// When the next call of this priority can be sent.
  func nextCall(_ priority: Priority, at now: Timestamp) -> Availability {
    var copy = self
    return copy.availability(for: priority, at: now)
  }

  /// When the next call can be sent; `nil` for at once, and where only an answer can tell.
  public func nextFree(at now: Timestamp) -> Timestamp? {
    if case .at(let time) = nextCall(.killSwitch, at: now) { return time }
    return nil
  }

  /// When the call at this place of the queue (from 1) can be expected, if nothing overtakes it.
  public func estimate(place: Int, priority: Priority, at now: Timestamp) -> Timestamp {
    let start = blocked(at: now) ?? now
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

/// What a key's answers of 429 taught.
struct Throttling: Sendable {
  /// Whether one ever came.
  private(set) var wasThrottled = false
  /// Whether no other answer came since: until then one call goes at a time.
  private(set) var isUnconfirmed = false
  /// When the last one came.
  private var lastAt = Timestamp.distantPast
  /// Calls answered so, one after another, each sent after the answer to the one before.
  private var inARow = 0
  /// Whether the server tells how many calls are left.
  private(set) var tellsRemaining = false
  /// How many calls the server let through, where only a 429 tells.
  private(set) var learnedLimit: Int?
  private var learnedAt = Timestamp.distantPast

  /// A 429 came to a call that was sent at `sentAt`, while `used` others held slots (`nil`: they are not counted).
  ///
  /// - Returns: for how long nothing is to be sent.
  mutating func throttled(
    sentAt: Timestamp, used: Int?, told: Duration?, longest: Duration, window: Duration, at now: Timestamp
  ) -> Duration {
    inARow = sentAt >= lastAt ? inARow + 1 : max(1, inARow)
    lastAt = now
    wasThrottled = true
    isUnconfirmed = true
    if let used, !tellsRemaining {
      learnedLimit = max(1, min(learnedLimit ?? .max, used))
      learnedAt = now
    }
    // Not for ever, whatever it says; and ever longer where its word proves too short.
    let shortest = min(window, .milliseconds(10) * (1 << min(inARow - 1, 16)))
    return max(min(told ?? min(window, .seconds(1)), longest), shortest)
  }

  /// Another answer came.
  mutating func answered(tellsRemaining: Bool, window: Duration, at now: Timestamp) {
    isUnconfirmed = false
    inARow = 0
    if tellsRemaining {
      self.tellsRemaining = true
      learnedLimit = nil
    }
    guard let learned = learnedLimit, learnedAt + window <= now else { return }
    // What others use may have become less: one call more is tried in each window, until it is as if nothing had been.
    learnedAt = now
    learnedLimit = lastAt + window * 10 > now ? learned + 1 : nil
  }

  /// The clock was set: every time keeps its distance to the present.
  mutating func clockStepped(by step: Duration) {
    lastAt.clockStepped(by: step)
    learnedAt.clockStepped(by: step)
  }
}
