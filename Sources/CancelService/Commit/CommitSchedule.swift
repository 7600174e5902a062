import CancelContract
import CancelCore

/// When a batch goes, how large it may be, and what a failure means.
///
/// A value: it is asked when something has changed, and told what became of each batch. One batch is under way at a time.
package struct CommitSchedule: Sendable {
  /// How batches are spaced.
  package struct Settings: Sendable {
    /// How long changed states without a result wait for one, so that a quick answer costs one transaction, not two.
    package var openStateLinger: Duration = .milliseconds(20)
    /// From the start of a commit to the start of the next, for each result in it, and at most: under load, fewer and
    /// larger transactions leave more of the processor to calls; at a few hundred results a second nothing waits.
    package var gatheringPerResult: Duration = .microseconds(250)
    package var longestGathering: Duration = .milliseconds(50)
    /// After so many failures in a row, about three seconds, a refusal that only an operator can lift ends the worker.
    package var refusalsUntilTheEnd = 10
    /// A batch that failed after so long counts as timed out, whatever the error says.
    package var slowCommit: Duration = .seconds(3)
    /// What a batch holds at most beside results and their orders' states: while a batch is built nothing else is done, no
    /// kill-switch's call is sent. The states of a backlog can wait; results can't, so many of them make it larger.
    package var usualBatch = 4_000
    /// The most that one batch holds: a hundred thousand requests that are refused or expire at once are not to outlast a
    /// transaction's time-out.
    package var largestBatch = 20_000

    package init() {}
  }

  /// What there is to commit.
  struct Gathered: Sendable {
    /// Whether there is anything at all.
    var hasSomething: Bool
    /// Results among it.
    var results: Int
    /// Whether somebody waits for it: the worker stops, partitions are given up, or the ledgers of others are being read,
    /// and the sooner this worker's states are written, the less a rebalance has to hand over.
    var isUrgent: Bool
  }

  /// What to do now.
  enum Decision: Equatable, Sendable {
    /// Nothing, until something changes.
    case nothing
    /// Ask again at this time, if not before.
    case wait(until: Timestamp)
    /// Publish a batch of at most this many results and changed orders.
    case commit(limit: Int)
  }

  /// What a batch that failed calls for.
  enum Verdict: Equatable, Sendable {
    /// The same content goes again, at `at`.
    case again(at: Timestamp)
    /// The worker ends.
    case end
  }

  /// What happens to the batch.
  private enum State: Sendable {
    /// No batch is under way, and none goes before `notBefore`. Followed by `underWay`.
    case idle(notBefore: Timestamp)
    /// A batch is being published. Followed by `idle`.
    case underWay(startedAt: Timestamp, size: Int)
  }

  private let settings: Settings
  private var state = State.idle(notBefore: .distantPast)
  /// When changed states that wait for a result go without one; `nil` while none wait.
  private var statesDueAt: Timestamp?
  private var failuresInARow = 0
  /// Halved by each time-out, doubled by each success.
  private var limit: Int

  init(_ settings: Settings = Settings()) {
    self.settings = settings
    limit = settings.largestBatch
  }

  /// Whether a batch is being published.
  var isUnderWay: Bool { if case .underWay = state { true } else { false } }

  /// What to do at `now`.
  mutating func next(_ gathered: Gathered, at now: Timestamp) -> Decision {
    guard case .idle(let notBefore) = state else { return .nothing }
    guard gathered.hasSomething else {
      statesDueAt = nil
      return .nothing
    }
    // What failed waits even where somebody waits for it; what only gathers does not.
    if notBefore > now, !gathered.isUrgent || failuresInARow > 0 { return .wait(until: notBefore) }
    if gathered.results == 0 && !gathered.isUrgent {
      let due = statesDueAt ?? now + settings.openStateLinger
      statesDueAt = due
      guard due <= now else { return .wait(until: due) }
    }
    return .commit(limit: gathered.isUrgent ? limit : min(limit, max(settings.usualBatch, 2 * gathered.results)))
  }

  /// A batch of so many results and records is being published.
  mutating func started(size: Int, at now: Timestamp) {
    guard case .idle = state else { preconditionFailure("One batch is under way at a time.") }
    statesDueAt = nil
    state = .underWay(startedAt: now, size: size)
  }

  /// The batch was published.
  ///
  /// - Returns: how long that took.
  mutating func committed(results: Int, at now: Timestamp) -> Duration {
    guard case .underWay(let startedAt, _) = state else { preconditionFailure("No batch is under way.") }
    failuresInARow = 0
    limit = min(settings.largestBatch, limit * 2)
    state = .idle(
      notBefore: startedAt + min(settings.longestGathering, settings.gatheringPerResult * results))
    return now - startedAt
  }

  /// The clock was set: nothing goes earlier or later for it.
  mutating func clockStepped(by step: Duration) {
    switch state {
    case .idle(let notBefore): state = .idle(notBefore: notBefore.afterClockStep(step))
    case .underWay(let startedAt, let size): state = .underWay(startedAt: startedAt.afterClockStep(step), size: size)
    }
    statesDueAt?.clockStepped(by: step)
  }

  /// The batch was not published, and will not be as it is.
  mutating func failed(_ failure: CommitFailure, at now: Timestamp) -> Verdict {
    guard case .underWay(let startedAt, let size) = state else { preconditionFailure("No batch is under way.") }
    let isSlow = now - startedAt >= settings.slowCommit
    failuresInARow += 1
    let delay = Duration.milliseconds(min(1000, 10 << min(failuresInARow - 1, 7)))
    state = .idle(notBefore: now + delay)
    switch failure {
    case .fatal: return .end
    case .refused: return failuresInARow < settings.refusalsUntilTheEnd ? .again(at: now + delay) : .end
    case .passing, .timedOut:
      // The next one is half as large, down to a single result: a slow broker gets through one at a time.
      if isSlow || failure == .timedOut { limit = max(1, min(limit, size) / 2) }
      return .again(at: now + delay)
    }
  }
}

/// Why a batch was not published, as far as it decides what comes next.
package enum CommitFailure: Equatable, Sendable {
  /// It passes by itself.
  case passing
  /// It took longer than it may: a smaller batch may get through.
  case timedOut
  /// Only an operator can lift it, unless it was a slip of the broker's.
  case refused
  /// Another worker took over, or the producer failed for good.
  case fatal
}
