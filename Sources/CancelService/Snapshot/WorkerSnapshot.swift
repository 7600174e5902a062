import CancelContract
import CancelCore

/// The worker as it is at one moment: what the live page, the status, the readiness and the gauges tell.
public struct WorkerSnapshot: Sendable {
  /// What the worker is at.
  public enum State: String, Sendable, CaseIterable {
    /// It waits for the broker and for partitions.
    case starting
    /// It had partitions and has none now: it waits for the broker, or for the group to assign some.
    case unassigned
    /// It reads ledgers; requests of these partitions wait.
    case restoring
    /// It takes requests.
    case running
    /// It ends: calls in flight are finished, no other is sent.
    case stopping
    /// It failed, and ends.
    case failed
  }

  /// What is known of the open requests.
  public enum Backlog: Sendable, Equatable {
    /// The figures are of the snapshot's moment.
    case current
    /// The partitions were lost at that time; the figures are those of then, and ages go on growing.
    case lastKnown(at: Timestamp)
    /// The worker has not read its ledgers yet, so it can't know what is open; the figures mean nothing.
    case unknown
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
  /// Whether the figures of the open requests (`pending`, the ages, `unexplainedWait`) can be relied on.
  public var backlog = Backlog.current
  /// Requests that wait for their answer.
  public var pending: [Priority: Int] = [:]
  /// When the oldest request without an answer was produced.
  public var oldestUnanswered: Timestamp?
  /// When the oldest open request of each priority was produced; absent where there is none.
  public var oldestOpen: [Priority: Timestamp] = [:]
  /// How long the longest of the open requests has waited for something else than its key's quota, by priority.
  public var unexplainedWait: [Priority: Duration] = [:]
  /// When the answer that has waited longest for its publication came; `nil` where all are published.
  public var unpublishedSince: Timestamp?
  /// Since when no broker can be reached; `nil` while one can, as far as is known.
  public var brokerUnreachableSince: Timestamp?
  /// The holds that are in force.
  public var holds = Holds()
  /// Orders that an operator's hold keeps waiting, by the priority of their most urgent request.
  public var held: [Priority: Int] = [:]
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
  /// How far the system's clock is ahead of the worker's time; negative where it is behind.
  public var clockDifference = Duration.zero
  /// Sweeps, switches, campaigns and confirmations that are under way.
  public var rounds = RoundGauges()

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

  /// Whether the figures of the open requests are those of before the partitions were lost.
  public var isBacklogStale: Bool {
    if case .lastKnown = backlog { true } else { false }
  }

  /// How long the oldest open request of this priority has waited; `nil` where none is open.
  public func oldestOpenAge(_ priority: Priority) -> Duration? {
    oldestOpen[priority].map { max(takenAt - $0, .zero) }
  }

  /// Orders that wait for a call, by the priority of their most urgent request.
  public func waitingOrders(_ priority: Priority) -> Int {
    keys.reduce(0) { $0 + ($1.waitingByPriority[priority] ?? 0) }
  }

  /// How long until the last of the kill-switches that wait can be expected to be sent; `nil` where none waits.
  public var killSwitchesSentIn: Duration? {
    keys.compactMap(\.killSwitchesSentAt).max().map { max($0 - takenAt, .zero) }
  }

  /// The keys in the order in which they need attention: refused credentials, then those that make requests wait.
  public var neediestKeys: [KeySnapshot] {
    keys.sorted { left, right in
      let (first, second) = (left.need(at: takenAt), right.need(at: takenAt))
      return first == second ? left.digest < right.digest : first > second
    }
  }
}

extension EngineGauges {
  /// The keys with what waited for them when the partitions were lost; quotas and breakers are still this worker's.
  package func keys(waitingAsIn lost: EngineGauges?) -> [KeyGauges] {
    var keys = keys
    for key in lost?.keys ?? [] where keys.indices.contains(key.key.index) {
      keys[key.key.index].waiting = key.waiting
      keys[key.key.index].waitingByPriority = key.waitingByPriority
      keys[key.key.index].held = key.held
    }
    return keys
  }
}

extension WorkerSnapshot {
  /// Takes the engine's figures of what is open.
  package mutating func setBacklog(_ gauges: EngineGauges, _ knowledge: Backlog) {
    backlog = knowledge
    pending = gauges.pending
    oldestUnanswered = gauges.oldestProducedAt
    oldestOpen = gauges.oldestOpen
    unpublishedSince = gauges.unpublishedSince
    unexplainedWait = gauges.unexplainedWait
    held = gauges.held
    // What was not getting through when it was last seen has not got through since.
    if case .lastKnown(let at) = knowledge {
      for (priority, _) in gauges.pending where gauges.pending[priority] ?? 0 > 0 {
        unexplainedWait[priority, default: .zero] += max(takenAt - at, .zero)
      }
    }
  }
}

/// A change of the worker's state that an operator has to hear of, with its reason.
public enum WorkerChange: Sendable, Equatable {
  /// A user key as operators know it.
  public struct Key: Sendable, Equatable {
    /// A short digest of the key (`UserKeyID`'s description).
    public var digest: String
    /// The accounts that use it.
    public var accounts: [AccountName]

    /// A key with this digest.
    public init(digest: String, accounts: [AccountName]) {
      self.digest = digest
      self.accounts = accounts
    }
  }

  /// What holds calls back began or ended; `key` is the user key that the change is about.
  case engine(EngineChange, key: Key?)
  /// No broker can be reached.
  case brokerUnreachable(since: Timestamp, reason: String)
  /// The system's clock was set, and the worker's time followed it by this much; negative where it was set back.
  case clockStepped(by: Duration)
  /// A broker answers again.
  case brokerReachable(unreachableFor: Duration)
}

extension EngineChange {
  /// The number of the user key that the change is about; `nil` where it is about all.
  var quotaKey: QuotaKey? {
    switch self {
    case .credentialRefused(let key, _, _), .credentialWorks(let key, _), .keyOut(let key, _, _), .keyBack(let key, _),
      .throttled(let key, _), .throttlingOver(let key):
      key
    case .apiOut, .apiBack, .sweepBegan, .sweepEnded, .held, .released: nil
    }
  }
}
