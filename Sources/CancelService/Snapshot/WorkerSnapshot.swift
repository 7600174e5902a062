import CancelContract

/// The worker as it is at one moment: what the live page, the status, the readiness and the gauges tell.
public struct WorkerSnapshot: Sendable {
  /// What the worker is at.
  public enum State: String, Sendable, CaseIterable {
    /// It waits for the broker and for partitions.
    case starting
    /// It reads ledgers; requests of these partitions wait.
    case restoring
    /// It takes requests.
    case running
    /// It ends: calls in flight are finished, no other is sent.
    case stopping
    /// It failed, and ends.
    case failed
  }

  /// Why the worker is not ready.
  public struct Reason: Hashable, Sendable {
    /// A short name that never changes, such as `ledger-not-restored`.
    public var code: String
    /// One sentence for people.
    public var detail: String

    /// A reason of that code.
    public init(_ code: String, _ detail: String) {
      self.code = code
      self.detail = detail
    }
  }

  /// When this was so.
  public var takenAt: Timestamp
  /// When the worker started.
  public var startedAt: Timestamp
  /// The worker's version.
  public var version: String
  /// The instance's name.
  public var instance: String
  /// What it is at.
  public var state: State
  /// Why it is not ready; empty exactly when it is.
  public var notReady: [Reason] = []
  /// Calls that are sent and not answered.
  public var callsInFlight = 0
  /// Requests that wait for their answer.
  public var pending: [Priority: Int] = [:]
  /// When the oldest request without an answer was produced.
  public var oldestUnanswered: Timestamp?
  /// Every user key.
  public var keys: [KeySnapshot] = []
  /// Orders whose outcome is remembered.
  public var rememberedOrders = 0
  /// Orders that wait for their outcome.
  public var openOrders = 0
  /// The assigned partitions.
  public var assignedPartitions: [Int32] = []
  /// Records of each assigned partition that are not taken yet, where known.
  public var lag: [Int32: Int64] = [:]
  /// Since when calls are held back because the API fails.
  public var apiOutSince: Timestamp?

  /// A worker in that state, with nothing to do.
  public init(takenAt: Timestamp, startedAt: Timestamp, version: String, instance: String, state: State) {
    self.takenAt = takenAt
    self.startedAt = startedAt
    self.version = version
    self.instance = instance
    self.state = state
  }

  /// Whether it takes requests and answers them.
  public var isReady: Bool { notReady.isEmpty }

  /// How long the oldest request has waited; zero where none waits.
  public var oldestUnansweredAge: Duration {
    oldestUnanswered.map { max(takenAt - $0, .zero) } ?? .zero
  }

  /// The keys in the order in which they need attention: refused credentials, then those that make requests wait.
  public var neediestKeys: [KeySnapshot] {
    keys.sorted { left, right in
      let (first, second) = (left.need(at: takenAt), right.need(at: takenAt))
      return first == second ? left.digest < right.digest : first > second
    }
  }
}
