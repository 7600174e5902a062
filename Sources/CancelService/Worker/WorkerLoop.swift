import CancelAPI
import CancelContract
import CancelCore
import FoundationEssentials
import Kafka
import Logging
import NIOCore

/// The shell around the decisions: it performs what the engine says, on one event loop.
///
/// The loop is the one on which the cancel client's connections live, so a request goes from the poll thread's hand-over
/// to the socket without another change of threads. Transactions have a thread of their own and never hold it up.
actor WorkerLoop {
  struct Settings: Sendable {
    var requestsTopic: String
    var policy: CancelPolicy
    var defaultAccount: AccountName
    var maxPending: Int
    var drainTimeout: Duration
    /// How long changed states without a result wait for one, so that a quick answer costs one transaction, not two.
    var openStateLinger: Duration = .milliseconds(20)
    /// From the start of a commit to the start of the next, for each result in it, and at most: under load, fewer and
    /// larger transactions leave more of the processor to calls; at a few hundred results a second nothing waits.
    var gatheringPerResult: Duration = .microseconds(250)
    var longestGathering: Duration = .milliseconds(50)
    /// After so many aborts in a row, about three seconds, a refusal that only an operator can lift ends the worker.
    var abortsByRefusal = 10
  }

  nonisolated let eventLoop: any EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

  let settings: Settings
  let clock: SteadyClock
  let client: any CancelClient
  let publisher: any BatchPublisher
  let notifier: (any NoticePublisher)?
  let observers: [any WorkerObserver]
  let logger: Logger

  var engine: CancelEngine
  var directory: AccountDirectory
  var consumer: KafkaConsumer?
  var assignment: KafkaAssignmentID?

  var unacknowledged = 0
  var isCommitting = false
  var commitNotBefore = Timestamp.distantPast
  var gatherUntil = Timestamp.distantPast
  var retryNotBefore = Timestamp.distantPast
  var abortsInARow = 0
  var wakeUp: (at: Timestamp, scheduled: Scheduled<Void>)?
  var restoring: [Int32: Int] = [:]
  var restoreGeneration = 0
  var parked = ParkedPartitions()
  private var isTurnPlanned = false
  var isStopping = false
  /// What was open when the partitions were lost; `nil` once the worker knows better.
  var lostBacklog: (gauges: EngineGauges, openOrders: Int, at: Timestamp)?
  var failure: (any Error)?

  /// Told when something changed that a waiting task may wait for.
  var waiters: [(isMet: (isolated WorkerLoop) -> Bool, resume: () -> Void)] = []
  private let onFailure: @Sendable (any Error) -> Void

  init(
    eventLoop: any EventLoop,
    settings: Settings,
    accounts: Accounts,
    clock: SteadyClock,
    client: any CancelClient,
    publisher: any BatchPublisher,
    notifier: (any NoticePublisher)?,
    observers: [any WorkerObserver],
    logger: Logger,
    onFailure: @escaping @Sendable (any Error) -> Void
  ) {
    self.eventLoop = eventLoop
    self.settings = settings
    self.clock = clock
    self.client = client
    self.publisher = publisher
    self.notifier = notifier
    self.observers = observers
    self.logger = logger
    self.onFailure = onFailure
    self.directory = AccountDirectory(accounts)
    var engine = CancelEngine(
      policy: settings.policy, defaultAccount: settings.defaultAccount, seed: UInt64.random(in: 0 ... .max))
    engine.configure(accounts: directory.quotaKeys, at: clock.now)
    self.engine = engine
  }

  /// Does all that can be done now: sends calls, starts a commit, plans the next wake-up.
  func turn() {
    let now = clock.now
    engine.advance(to: now)
    while let call = engine.nextCall(at: now, requestID: UUID.random) { send(call, at: now) }
    publishNotices()
    tellChanges()
    commitIfDue(at: now)
    planWakeUp(at: now)
    tellWaiters()
  }

  private func send(_ call: Call, at now: Timestamp) {
    guard let account = directory[call.account] else {
      preconditionFailure("The engine sends calls only for accounts that are configured.")
    }
    for observer in observers { observer.sent(call, at: now) }
    let answer = client.cancel(CancelCall(orderID: call.orderID, account: account, requestID: call.requestID))
    answer.hop(to: eventLoop).whenSuccess { answer in
      self.assumeIsolated { $0.take(answer, to: call, sentAt: now) }
    }
  }

  private func take(_ answer: CancelAnswer, to call: Call, sentAt: Timestamp) {
    let now = clock.now
    engine.answered(call.id, answer, at: now)
    for observer in observers { observer.answered(call, answer, after: now - sentAt, at: now) }
    turnSoon()
  }

  /// Plans a turn for when the event loop has handed out what else has come: answers that come together cost one turn,
  /// and the calls that follow them leave together.
  private func turnSoon() {
    guard !isTurnPlanned else { return }
    isTurnPlanned = true
    eventLoop.execute {
      self.assumeIsolated { loop in
        loop.isTurnPlanned = false
        loop.turn()
      }
    }
  }

  /// Plans the next turn for when something is due.
  func planWakeUp(at now: Timestamp) {
    var wake = engine.nextWake() ?? .distantFuture
    if commitNotBefore > now { wake = min(wake, commitNotBefore) }
    if retryNotBefore > now, !isCommitting { wake = min(wake, retryNotBefore) }
    if gatherUntil > now, !isCommitting { wake = min(wake, gatherUntil) }
    guard wake != .distantFuture else { return }
    if let wakeUp {
      guard wake < wakeUp.at else { return }
      wakeUp.scheduled.cancel()
    }
    // The event loop counts from its own reading of the clock; half a millisecond late is never early.
    let delay = max(wake - now, .zero) + .microseconds(200)
    let scheduled = eventLoop.scheduleTask(in: .microseconds(delay.microseconds)) {
      self.assumeIsolated { loop in
        loop.wakeUp = nil
        loop.turn()
      }
    }
    wakeUp = (wake, scheduled)
  }

  /// Ends the worker: what it goes on with would not be what it promises.
  func fail(_ error: any Error) {
    guard failure == nil else { return }
    failure = error
    engine.stop()
    onFailure(error)
    tellWaiters()
  }

  /// Waits until `isMet`, which is asked after each turn, or until `timeout` has passed.
  ///
  /// - Returns: whether it was met.
  @discardableResult
  func wait(atMost timeout: Duration, until isMet: @escaping (isolated WorkerLoop) -> Bool) async -> Bool {
    if isMet(self) { return true }
    let timedOut = eventLoop.makePromise(of: Bool.self)
    let timer = eventLoop.scheduleTask(in: .microseconds(timeout.microseconds)) { timedOut.succeed(false) }
    waiters.append((isMet, { timedOut.succeed(true) }))
    let met = (try? await timedOut.futureResult.get()) ?? false
    timer.cancel()
    return met
  }

  func tellWaiters() {
    guard !waiters.isEmpty else { return }
    let met = waiters.indices.filter { waiters[$0].isMet(self) }
    let resumed = met.map { waiters[$0].resume }
    for index in met.reversed() { waiters.remove(at: index) }
    for resume in resumed { resume() }
  }
}
