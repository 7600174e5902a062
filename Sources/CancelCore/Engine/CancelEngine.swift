import CancelContract
import DequeModule

/// Every decision of the worker: what is sent when, what is answered, what is remembered, what is committed.
///
/// A value: it takes events and the time, and says what to do. The shell asks `nextCall` for calls to send until there
/// is none, `nextBatch` for a batch to publish, and `nextWake` for when to call `advance` next.
///
/// Each operation costs O(log n) in the orders that are open, amortised.
public struct CancelEngine: Sendable {
  /// The rules.
  public let policy: CancelPolicy

  var accounts: AccountTable
  var random: SplitMix64
  var partitions = OwnedPartitions()
  var orders = OpenOrders()
  var keys: [KeyState] = []
  var apiGate = OutageGate(threshold: 8, keysNeeded: 3)

  var flights: [CallID: Flight] = [:]
  var lastCall: UInt64 = 0
  var lastArrival: UInt64 = 0
  var isStopping = false

  /// The holds that are in force.
  public internal(set) var holds = Holds()

  /// Keys that may have something to send, by the priority of their first order.
  var readyKillSwitchKeys = Deque<QuotaKey>()
  var readyRoutineKeys = Deque<QuotaKey>()

  var orderTimers = LazyHeap<OrderTimer>()
  var keyTimers = LazyHeap<KeyTimer>()
  var expiryTimers = LazyHeap<ExpiryTimer>()
  var memoriesSweptAt = Timestamp.distantPast
  var waitChecks = LazyHeap<OrderTimer>()
  var waitsSweptAt = Timestamp.distantPast

  /// Results that wait to be committed, and where each comes from.
  var results: [CancelResult] = []
  var resultOrigins: [ResultOrigin] = []
  var refused: [RefusedMessage] = []
  /// Partitions that have something to commit beside results.
  var uncommittedPartitions: [Int32] = []
  var committing: CommitBatch?
  var notices: [WaitNotice] = []
  /// Changes of what holds calls back that the shell has not taken yet.
  var changes: [EngineChange] = []
  /// The time of the last `advance`.
  var lastAdvance = Timestamp.distantPast

  var sweeps: [SweepRef: Sweep] = [:]
  /// Which sweeps an account is part of.
  var sweepsByAccount: [AccountNumber: Set<SweepRef>] = [:]
  /// Sweeps that may have come to their end.
  var endedSweeps: [SweepRef] = []
  var sweepTimers = LazyHeap<SweepTimer>()
  var switchTimers = LazyHeap<SwitchTimer>()
  /// Where the list of an account stands, while sweeps wait for one.
  var listOf: [AccountNumber: ListStage] = [:]
  var listsInFlight: [ListID: ListFlight] = [:]
  var lastList: UInt64 = 0
  /// Keys of which a list may be due; some stand in it twice.
  var keysWithLists = Deque<QuotaKey>()

  var campaigns: [CampaignRef: Campaign] = [:]
  var campaignTimers = LazyHeap<CampaignTimer>()

  var confirmations: [OrderRef: Confirming] = [:]
  var lookupTimers = LazyHeap<LookupTimer>()
  var lookupsInFlight: [LookupID: LookupFlight] = [:]
  var lastLookup: UInt64 = 0
  /// Keys of which a lookup may be due; some stand in it twice.
  var keysWithLookups = Deque<QuotaKey>()
  /// Keys whose pool of lists or lookups has room again at a time.
  var readTimers = LazyHeap<KeyTimer>()
  /// Events about orders' ends that wait to be committed.
  var confirmed: [Confirmed] = []

  /// Requests that wait for their answer.
  public internal(set) var openRequests = 0
  /// Orders with at least one such request.
  public internal(set) var openOrders = 0
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

  /// Orders whose outcome is remembered.
  public var rememberedOrders: Int {
    partitions.numbers.reduce(0) { sum, number in
      partitions[number].phase == .restoring ? sum : sum + partitions[number].settled
    }
  }

  /// Calls that are in flight.
  public var callsInFlight: Int { flights.count }

  /// When a call that is in flight was sent.
  public func sentAt(_ id: CallID) -> Timestamp {
    guard let flight = flights[id] else { preconditionFailure("A call is answered once.") }
    return flight.slot.sentAt
  }

  /// Calls in flight for orders of these assignments' partitions.
  public func callsInFlight(in assignments: some Sequence<Assignment>) -> Int {
    assignments.reduce(0) { owns($1) ? $0 + partitions[$1.partition].inFlight : $0 }
  }

  /// No further call is sent; what is in flight may still be answered, and what is settled committed.
  public mutating func stop() {
    isStopping = true
    publishChangedCampaigns()
  }
}
