import CancelContract
import CancelCore

/// How work ends in order, when partitions are given up or the worker stops: calls in flight may finish, then what is
/// settled is committed, then the group confirms the positions. Each step has a bound of its own.
package struct Handover: Sendable {
  /// How far it is.
  enum Stage: Sendable {
    /// Waits for calls in flight. Followed by `committing`.
    case draining(until: Timestamp)
    /// Waits for the last commit. Followed by `confirming`, or it is over.
    case committing(until: Timestamp)
    /// Waits for the group's word that the positions are still this member's to set. Followed by the end.
    case confirming(until: Timestamp)
  }

  /// What the worker has to do next.
  enum Action: Equatable, Sendable {
    /// Nothing, until something changes or the stage's time is up.
    case wait
    /// Have the group confirm the positions.
    case confirm
    /// It is over.
    case end(Ending)
  }

  /// How it ended.
  package struct Ending: Equatable, Sendable {
    /// Whether every call was answered in time.
    package var isDrained: Bool
    /// Whether all that was settled is committed.
    package var isCommitted: Bool
    /// Requests without an answer, which the next owner answers.
    package var openRequests = 0
    /// Answers that are not published, which the next owner gives.
    package var unpublishedResults = 0
  }

  /// The assignments that end with it.
  let assignments: [Assignment]
  private(set) var stage: Stage
  private let stepTimeout: Duration
  /// When the last commit is no longer waited for; `nil` where it is given a whole step.
  private var end: Timestamp?
  private let confirms: Bool
  private var isDrained = true

  /// - Parameters:
  ///   - confirms: whether the group is to confirm the positions at the end.
  ///   - total: the bound of the drain and the last commit together; `nil` where each is given a whole step.
  init(
    of assignments: [Assignment], stepTimeout: Duration, confirms: Bool, total: Duration? = nil, at now: Timestamp
  ) {
    self.assignments = assignments
    self.stepTimeout = stepTimeout
    end = total.map { now + $0 }
    self.confirms = confirms
    stage = .draining(until: now + stepTimeout)
  }

  /// When the present stage's time is up.
  var deadline: Timestamp {
    switch stage {
    case .draining(let until), .committing(let until), .confirming(let until): until
    }
  }

  /// The clock was set: the present stage lasts as long as it would have.
  mutating func clockStepped(by step: Duration) {
    end = end?.afterClockStep(step)
    switch stage {
    case .draining(let until): stage = .draining(until: until.afterClockStep(step))
    case .committing(let until): stage = .committing(until: until.afterClockStep(step))
    case .confirming(let until): stage = .confirming(until: until.afterClockStep(step))
    }
  }

  /// Goes on as far as it can.
  ///
  /// - Parameters:
  ///   - callsInFlight: those for orders of its partitions.
  ///   - isCommitted: whether nothing is left to commit, and no commit is under way.
  mutating func advance(callsInFlight: Int, isCommitted: Bool, at now: Timestamp) -> Action {
    if case .draining(let until) = stage {
      guard callsInFlight == 0 || until <= now else { return .wait }
      isDrained = callsInFlight == 0
      stage = .committing(until: end ?? now + stepTimeout)
    }
    switch stage {
    case .draining: return .wait
    case .committing(let until):
      guard isCommitted || until <= now else { return .wait }
      guard isCommitted, confirms, !assignments.isEmpty else {
        return .end(Ending(isDrained: isDrained, isCommitted: isCommitted))
      }
      stage = .confirming(until: now + stepTimeout)
      return .confirm
    case .confirming(let until):
      return until <= now ? .end(Ending(isDrained: isDrained, isCommitted: true)) : .wait
    }
  }
}
