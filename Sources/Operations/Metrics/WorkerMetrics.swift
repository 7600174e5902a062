import CancelAPI
import CancelContract
import CancelCore
import CancelService
import CoreMetrics
import Synchronization

/// Counts the worker's work through swift-metrics.
///
/// Every instrument is made at the start, so an event costs a few additions.
public struct WorkerMetrics: WorkerObserver {
  private let environments: AccountEnvironments
  private let killSwitches = KillSwitchRequests()

  private let received: Counter
  private let results: [Counter]
  private let duplicates: Counter
  private let calls: [Counter]
  private let attempts: Recorder
  private let requestToCall: [Timer]
  private let firstCallLateness: [Timer]
  private let callDuration: Timer
  private let callToResult: Timer
  private let requestToResult: [Timer]
  private let committedTransactions: Counter
  private let abortedTransactions: Counter
  private let transactionDuration: Timer
  private let transactionRecords: Recorder
  private let sweeps: [Counter]
  private let confirmations: [ConfirmationEvent.Verdict: Counter]
  private let deadLetters: Counter
  private let clockSteps: Counter
  private let assignments: Counter
  private let revocations: Counter
  private let losses: Counter
  private let restoreDuration: Meter

  /// Metrics of a worker with these accounts.
  ///
  /// - Parameter factory: where the instruments are made: `PrometheusRegistry.forWorker()`, or `MetricsSystem.factory`.
  public init(factory: any MetricsFactory, environments: AccountEnvironments) {
    self.environments = environments
    func counter(_ name: String, _ dimensions: [(String, String)] = []) -> Counter {
      Counter(label: "cancel_worker_\(name)", dimensions: dimensions, factory: factory)
    }
    func timer(_ name: String, _ dimensions: [(String, String)] = []) -> Timer {
      let label = "cancel_worker_\(name)"
      return Timer(
        label: label, dimensions: dimensions, handler: factory.makeTimer(label: label, dimensions: dimensions),
        factory: factory)
    }
    func recorder(_ name: String) -> Recorder {
      Recorder(label: "cancel_worker_\(name)", dimensions: [], aggregate: true, factory: factory)
    }
    received = counter("requests_received_total")
    results = CancelOutcome.allCases.flatMap { outcome in
      MetricEnvironment.allCases.map {
        counter("results_total", [("outcome", outcome.name), ("environment", $0.rawValue)])
      }
    }
    duplicates = counter("duplicates_total")
    calls = CancelAnswer.Kind.allCases.flatMap { kind in
      MetricEnvironment.allCases.map {
        counter("calls_total", [("class", kind.metricLabel), ("environment", $0.rawValue)])
      }
    }
    attempts = recorder("result_attempts")
    requestToCall = Priority.allCases.map { timer("request_to_call_seconds", [("priority", $0.name)]) }
    firstCallLateness = Priority.allCases.map { timer("first_call_lateness_seconds", [("priority", $0.name)]) }
    callDuration = timer("call_duration_seconds")
    callToResult = timer("call_to_result_seconds")
    requestToResult = Priority.allCases.map { timer("request_to_result_seconds", [("priority", $0.name)]) }
    committedTransactions = counter("transactions_total", [("result", "committed")])
    abortedTransactions = counter("transactions_total", [("result", "aborted")])
    transactionDuration = timer("transaction_duration_seconds")
    transactionRecords = recorder("transaction_records")
    sweeps = CancelOutcome.allCases.map { counter("sweeps_total", [("outcome", $0.name)]) }
    confirmations = Dictionary(
      uniqueKeysWithValues: ConfirmationEvent.Verdict.allCases.map { verdict in
        (verdict, counter("confirmations_total", [("verdict", verdict.rawValue)]))
      })
    deadLetters = counter("dead_letters_total")
    clockSteps = counter("clock_steps_total")
    assignments = counter("rebalances_total", [("kind", "assigned")])
    revocations = counter("rebalances_total", [("kind", "revoked")])
    losses = counter("rebalances_total", [("kind", "lost")])
    restoreDuration = Meter(label: "cancel_worker_ledger_restore_duration_seconds", factory: factory)
  }

  /// Counts a request.
  public func received(_ request: ReceivedRequest, _ receipt: CancelEngine.Receipt, at now: Timestamp) {
    // A message that is refused is counted with its dead letter.
    guard receipt != .accountUnknown else { return }
    received.increment()
    if request.request.priority == .killSwitch { killSwitches.insert(request.source) }
  }

  /// Counts a request to sweep.
  public func received(_ sweep: ReceivedSweep, _ receipt: CancelEngine.Receipt, at now: Timestamp) {
    if receipt != .accountUnknown { received.increment() }
  }

  /// Counts confirmations.
  public func confirmed(_ events: [ConfirmationEvent], at now: Timestamp) {
    for event in events { confirmations[event.verdict]?.increment() }
  }

  /// Counts sweeps that ended, and steps of the clock.
  public func changed(_ change: WorkerChange) {
    switch change {
    case .engine(.sweepEnded(_, let outcome, _), _): sweeps[Int(outcome.rawValue)].increment()
    case .clockStepped: clockSteps.increment()
    case .engine, .brokerReachable, .brokerUnreachable: break
    }
  }

  /// Counts how late an order's first call goes.
  public func sent(_ call: Call, at now: Timestamp) {
    if call.isFirst { firstCallLateness[Int(call.priority.rawValue)].record(since: call.lateness) }
  }

  /// Counts a call and how long it took.
  public func answered(_ call: Call, _ answer: CancelAnswer, after duration: Duration, at now: Timestamp) {
    let environment = MetricEnvironment(environments[call.account])
    calls[answer.kind.metricIndex * MetricEnvironment.allCases.count + environment.index].increment()
    callDuration.record(since: duration)
  }

  /// Counts results, duplicates and dead letters, and how long each stage took.
  public func published(_ results: [CancelResult], refused: [RefusedMessage], at now: Timestamp) {
    if !refused.isEmpty {
      received.increment(by: refused.count)
      deadLetters.increment(by: refused.count)
    }
    let urgent = killSwitches.take(results)
    // A span lends its elements to a function that is called: an array's iterator, and its subscript, copy each result
    // with some twenty references, and so does a function that is inlined.
    let lent = results.span
    for index in lent.indices {
      let isUrgent = !urgent.isEmpty && urgent[index] || lent[index].isPartOfSweep
      count(lent[index], priority: isUrgent ? .killSwitch : .routine, at: now)
    }
  }

  @inline(never)
  private func count(_ result: CancelResult, priority: Priority, at now: Timestamp) {
    var environment = MetricEnvironment.none
    if result.outcome != .invalid, let account = result.account {
      environment = MetricEnvironment(environments[account])
    }
    results[Int(result.outcome.rawValue) * MetricEnvironment.allCases.count + environment.index].increment()
    let stages = result.stages
    let priority = Int(priority.rawValue)
    requestToResult[priority].record(since: now - stages.produced)
    guard !result.deduplicated else { return duplicates.increment() }
    attempts.record(Int64(result.attempts))
    guard let firstSent = stages.firstSent else { return }
    requestToCall[priority].record(since: firstSent - stages.produced)
    callToResult.record(since: now - stages.answered)
  }

  /// Counts a transaction, its records and how long it took.
  public func committed(records: Int, after duration: Duration) {
    committedTransactions.increment()
    transactionDuration.record(since: duration)
    transactionRecords.record(Int64(records))
  }

  /// Counts a transaction.
  public func aborted(_ error: any Error) { abortedTransactions.increment() }
  /// Counts a rebalance.
  public func assigned(_ partitions: [Int32]) { assignments.increment() }

  /// Keeps how long the ledger took.
  public func restored(_ partitions: [Int32], records: Int, after duration: Duration) {
    restoreDuration.set(Double(duration.microseconds) / 1e6)
  }

  /// Counts a rebalance.
  public func gaveUp(_ partitions: [Int32], lost: Bool) {
    (lost ? losses : revocations).increment()
    killSwitches.drop(partitions)
  }
}

extension Timer {
  /// Records a duration between two clocks' readings, which may differ: one below zero counts as none.
  fileprivate func record(since duration: Duration) {
    recordNanoseconds(max(duration.microseconds, 0).multipliedReportingOverflow(by: 1000).partialValue)
  }
}

/// Which of the requests that wait are kill-switches: a result doesn't say.
///
/// Used on the worker's loop alone; the lock only proves it. Requests restored from the ledger are not known here.
final class KillSwitchRequests: Sendable {
  private struct Place: Hashable {
    var partition: Int32
    var offset: Int64
  }

  private let places = Mutex<Set<Place>>([])

  func insert(_ source: SourceCoordinates) {
    _ = places.withLock { $0.insert(Place(partition: source.partition, offset: source.offset)) }
  }

  /// Whether each result answers a kill-switch; empty where none does. They are forgotten.
  func take(_ results: [CancelResult]) -> [Bool] {
    places.withLock { places in
      guard !places.isEmpty else { return [] }
      let lent = results.span
      return lent.indices.map {
        places.remove(Place(partition: lent[$0].source.partition, offset: lent[$0].source.offset)) != nil
      }
    }
  }

  func drop(_ partitions: [Int32]) {
    places.withLock { places in places = places.filter { !partitions.contains($0.partition) } }
  }
}

/// The label `environment`: of the account, or `none` where there is no configured account.
enum MetricEnvironment: String, CaseIterable {
  case demo
  case real
  case none

  init(_ environment: APIEnvironment?) {
    switch environment {
    case .demo: self = .demo
    case .real: self = .real
    case nil: self = .none
    }
  }

  /// The position among all cases.
  var index: Int {
    switch self {
    case .demo: 0
    case .real: 1
    case .none: 2
    }
  }
}

extension CancelAnswer.Kind {
  /// The label `class`.
  var metricLabel: String {
    switch self {
    case .accepted: "accepted"
    case .rejected: "rejected"
    case .credentialRefused: "credential_refused"
    case .throttled: "throttled"
    case .transient: "transient"
    case .ambiguous: "ambiguous"
    case .failed: "failed"
    }
  }

  /// The position among all cases.
  var metricIndex: Int {
    switch self {
    case .accepted: 0
    case .rejected: 1
    case .credentialRefused: 2
    case .throttled: 3
    case .transient: 4
    case .ambiguous: 5
    case .failed: 6
    }
  }
}

extension CancelResult {
  /// Whether it is a sweep's own, or that of an order which a sweep found: all of them count as kill-switches.
  fileprivate var isPartOfSweep: Bool { sweep != nil || echo.details.sweptBy != nil }
}
