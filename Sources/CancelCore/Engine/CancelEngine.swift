import CancelContract
import DequeModule

/// Every decision of the worker: what is sent when, what is answered, what is remembered, what is committed.
///
/// A value: it takes events and the time, and says what to do. The shell asks `nextCall` for calls to send until there
/// is none, `takeCommit` for a batch to publish, and `nextWake` for when to call `advance` next.
///
/// Each operation costs O(log n) in the orders that are open, amortised.
public struct CancelEngine: Sendable {
  /// The rules.
  public let policy: CancelPolicy

  var accounts: AccountTable
  var random: SplitMix64
  var partitions: [Int32: PartitionLedger] = [:]
  var keys: [KeyState] = []
  var apiGate = OutageGate(threshold: 8, needsSeveralKeys: true)

  var flights: [CallID: Flight] = [:]
  var lastCall: UInt64 = 0
  var lastArrival: UInt64 = 0
  var lastEpoch: UInt64 = 0
  var isStopping = false

  /// Keys that may have something to send, by the priority of their first order.
  var killSwitchLine = Deque<QuotaKey>()
  var routineLine = Deque<QuotaKey>()

  var orderTimers = LazyHeap<OrderTimer>()
  var keyTimers = LazyHeap<KeyTimer>()
  var expiries = LazyHeap<OrderTimer>()
  var expiriesSweptAt = Timestamp.distantPast
  var progressChecks = LazyHeap<OrderTimer>()
  var progressSweptAt = Timestamp.distantPast

  var results: [CancelResult] = []
  var refused: [RefusedMessage] = []
  var committing: CommitBatch?
  var notices: [WaitNotice] = []

  /// Requests that wait for their answer.
  public internal(set) var openRequests = 0
  /// Orders with at least one such request.
  public internal(set) var openOrders = 0
  /// Orders whose outcome is remembered.
  public internal(set) var rememberedOrders = 0
  /// What happened since the start, for metrics.
  public internal(set) var counts = EngineCounts()

  /// An engine that owns no partition and knows no account.
  ///
  /// - Parameter seed: where the jitter starts.
  public init(policy: CancelPolicy, defaultAccount: AccountName, seed: UInt64) {
    self.policy = policy
    self.accounts = AccountTable(defaultAccount: defaultAccount)
    self.random = SplitMix64(seed: seed)
  }

  /// Calls that are in flight.
  public var callsInFlight: Int { flights.count }

  /// Calls in flight for orders of these partitions.
  public func callsInFlight(in numbers: some Sequence<Int32>) -> Int {
    numbers.reduce(0) { $0 + (partitions[$1]?.inFlight ?? 0) }
  }

  /// No further call is sent; what is in flight may still be answered, and what is settled committed.
  public mutating func stop() {
    isStopping = true
  }

  func window() -> Duration { policy.quotaWindow }
}

/// What the engine has done since its start.
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
