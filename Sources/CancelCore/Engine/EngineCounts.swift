import CancelContract

/// What an engine has done since its start.
public struct EngineCounts: Sendable, Equatable {
  /// Requests taken.
  public var requests = 0
  /// Results by outcome.
  public var results: [CancelOutcome: Int] = [:]
  /// Results without a call of their own.
  public var deduplicated = 0
  /// Calls sent.
  public var calls = 0
  /// Answers of 429.
  public var throttled = 0
  /// Breakers that opened.
  public var breakersOpened = 0
  /// Answers for orders that are no longer this worker's.
  public var lateAnswers = 0
}
