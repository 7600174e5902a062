import CancelContract
import DequeModule

/// The rolling quota of one user key: a log of the slots that its calls hold.
///
/// A slot is taken when a call is sent and is free again one window after its answer came: the server saw the call no
/// later than that, so jitter on the way can't put one call too many into its window. The server's own count, in the
/// headers of its answers, overrules this one: what others use of the key shows as *foreign* slots.
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
    let number: UInt64
    let sentAt: Timestamp
    /// Whether no other call was in flight.
    let wentAlone: Bool
  }

  /// How long a burst waits for its first call's answer before it goes by the local count.
  static let confirmationPatience = Duration.milliseconds(500)
  /// No limit that a header tells is taken for higher: it bounds what a hostile one can make the log hold.
  static let highestLimit = 10_000

  let window: Duration
  let reserved: Int
  let configuredLimit: Int

  /// The times at which slots are free again, earliest first.
  var releases = Deque<Timestamp>()
  var inFlight = 0
  /// Until when a 429 forbids calls.
  var blockedUntil = Timestamp.distantPast
  /// When a call was last sent while none was in flight.
  var wentAloneAt = Timestamp.distantPast
  var lastAnswerAt = Timestamp.distantPast
  /// Calls sent so far.
  var sends: UInt64 = 0
  /// When the last foreign use of the key showed.
  var foreignSeenAt: Timestamp?
  var serverLimit: Int?
  var throttling = Throttling()

  /// An unused window of `calls` calls (0: none are counted) per `window`, of which `reserved` are for kill-switches.
  public init(calls: Int, window: Duration, reserved: Int) {
    self.configuredLimit = max(0, calls)
    self.window = window
    self.reserved = max(0, reserved)
  }

  /// Calls allowed in a window: the server's word where it gave one, else the configured number; `nil` for no limit.
  public var limit: Int? {
    let told: Int?
    if configuredLimit == 0 {
      told = throttling.wasThrottled ? serverLimit : nil
    } else if let serverLimit, throttling.wasThrottled, !throttling.tellsRemaining {
      told = min(serverLimit, configuredLimit)
    } else {
      told = serverLimit ?? configuredLimit
    }
    guard let learned = throttling.learnedLimit else { return told }
    return min(told ?? learned, learned)
  }

  /// When the next call of this priority may be sent.
  public mutating func availability(for priority: Priority, at now: Timestamp) -> Availability {
    expire(at: now)
    if blockedUntil > now { return .at(blockedUntil) }
    if inFlight > 0 {
      if throttling.isUnconfirmed { return .afterAnswer }
      let patienceEnds = wentAloneAt + QuotaWindow.confirmationPatience
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
    sends += 1
    if inFlight == 0 { wentAloneAt = now }
    inFlight += 1
    return Slot(number: sends, sentAt: now, wentAlone: inFlight == 1)
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

  mutating func expire(at now: Timestamp) {
    while let first = releases.first, first <= now { releases.removeFirst() }
  }

  mutating func insert(_ release: Timestamp) {
    if let last = releases.last, last > release {
      let index = releases.firstIndex { $0 > release } ?? releases.endIndex
      releases.insert(release, at: index)
    } else {
      releases.append(release)
    }
  }
}
