import CancelContract
import CancelCore
import CancelService
import FoundationEssentials
import Kafka

/// One history: workers, a Kafka, a consumer group, the API and the time that passes for them, all from one seed.
///
/// The workers are the real ones (`Worker`, with its engine, its ledger and its codecs); everything around them is a
/// model. One thread runs it all, and nothing waits: the time jumps from one planned event to the next.
final class World {
  /// What a history is made of.
  struct Plan {
    var seed: UInt64
    var mutant: Mutant?
    var isTraced = false
  }

  let plan: Plan
  var random: SplitMix64
  /// When every history begins.
  static let beginning = Timestamp(microseconds: 1_700_000_000_000_000)
  private(set) var now = World.beginning
  private var agenda = Agenda()
  private(set) var events = 0
  var trace: [String] = []

  let isExactlyOnce: Bool
  let partitions: Int32
  /// The user key of each account; an account's requests are all in one partition, so a key's calls are one worker's.
  let accounts: [AccountName: QuotaKey]
  let policy: CancelPolicy
  var kafka: KafkaModel
  var api: APIModel
  var group = GroupModel()
  private var roles = BrokerRoles()
  /// What operators hold back, as the control topic has it.
  private(set) var holds = Holds()
  var workers: [SimulatedWorker] = []
  var oracle: Oracle
  var counts = Counts()
  /// Whether results are looked at as a reader of their records reads them.
  var readsRecords: Bool { plan.seed % 8 == 0 }
  /// From then on nothing goes wrong any more.
  private(set) var isCalm = false
  /// How long a broker takes for each record of a batch.
  private var timePerRecord = Duration.microseconds(100)
  /// Records a second that the workers together may produce, as by a broker's quota; `nil` for any number.
  private var produceQuota: Int?
  private var quotaIsUsedUntil = Timestamp.distantPast
  private var actionsLeft: Int
  private var killSwitches: Set<KafkaModel.Place> = []

  /// Whether this history has any faults at all: in one without, nothing excuses a 429.
  let isDisturbed: Bool
  /// Whether the API refuses credentials in it.
  let refusesCredentials: Bool
  /// Whether the machines' clocks are set in it. That alone disturbs nothing: quotas go by a clock that is never set.
  let setsClocks: Bool
  /// Whether the machines' clocks run too fast or too slow. That alone disturbs nothing either: the window has a margin.
  let driftsClocks: Bool
  /// Whether operators hold cancels back in it.
  let holdsCancels: Bool

  init(_ plan: Plan) {
    self.plan = plan
    random = SplitMix64(seed: plan.seed)
    isExactlyOnce = Int.random(in: 0..<3, using: &random) > 0
    isDisturbed = Int.random(in: 0..<6, using: &random) > 0
    refusesCredentials = isDisturbed && Int.random(in: 0..<4, using: &random) == 0
    setsClocks = Int.random(in: 0..<3, using: &random) == 0
    driftsClocks = Int.random(in: 0..<2, using: &random) == 0
    holdsCancels = Int.random(in: 0..<4, using: &random) == 0
    partitions = Int32.random(in: 1...3, using: &random)
    kafka = KafkaModel(partitions: partitions)
    var policy = CancelPolicy()
    policy.quotaCalls = [4, 6, 10].randomElement(using: &random) ?? 6
    // As the configuration makes it: a thousandth longer than the API's, since a worker's clock may run faster.
    policy.quotaWindow = .milliseconds(2002)
    policy.reservedForKillSwitch = Int.random(in: 0...2, using: &random)
    policy.acceptedWindow = plan.mutant == .remembersNothing ? .zero : .seconds(2000)
    policy.rejectedWindow = plan.mutant == .remembersNothing ? .zero : .milliseconds(500)
    policy.routineDeadline = .seconds(Int.random(in: 8...25, using: &random))
    policy.killSwitchDeadline = .seconds(40)
    policy.maxInFlight = Int.random(in: 3...12, using: &random)
    policy.callTimeout = .milliseconds(800)
    policy.progressAfter = Bool.random(using: &random) ? .seconds(2) : nil
    policy.breakerMode = Bool.random(using: &random) ? .failFast : .hold
    api = APIModel(limit: policy.quotaCalls, window: .seconds(2))
    if plan.mutant == .sendsOneCallTooMany { policy.quotaCalls += 1 }
    self.policy = policy
    var accounts: [AccountName: QuotaKey] = [:]
    for number in 0..<Int.random(in: 1...4, using: &random) {
      accounts[AccountName("a\(number)")] = QuotaKey(index: number)
    }
    self.accounts = accounts
    oracle = Oracle(isExactlyOnce: isExactlyOnce, clocksDrift: driftsClocks)
    if !setsClocks { oracle.clocksAreRightSince = .distantPast }
    actionsLeft = Int.random(in: 20...70, using: &random)
    let count = Int.random(in: 1...3, using: &random)
    workers = (0..<count).map { SimulatedWorker(index: $0, world: self) }
    for worker in workers { worker.start() }
    after(.zero) { [unowned self] in self.act() }
    after(.seconds(1)) { [unowned self] in self.tick() }
  }

  // MARK: Time

  func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  /// Whether a fault that comes `perMille` of a thousand times comes now.
  func fault(_ perMille: Int) -> Bool { !isCalm && isDisturbed && Int.random(in: 0..<1000, using: &random) < perMille }

  func milliseconds(_ range: ClosedRange<Int>) -> Duration {
    .microseconds(Int64.random(in: Int64(range.lowerBound) * 1000...Int64(range.upperBound) * 1000, using: &random))
  }

  func after(_ delay: Duration, _ action: @escaping () -> Void) { agenda.plan(at: now + max(delay, .zero), action) }

  func note(_ text: @autoclosure () -> String) {
    if plan.isTraced { trace.append("\((now.microseconds - World.beginning.microseconds) / 1000) ms  \(text())") }
  }

  // MARK: The run

  /// Runs the history to its end.
  ///
  /// - Returns: what went against a promise; empty where nothing did.
  func run() -> [String] {
    while actionsLeft > 0, step() {}
    calmDown()
    let end = now + .seconds(300)
    while !oracle.isAnswered, now < end, oracle.violations.isEmpty, step() {}
    if !oracle.isAnswered, oracle.violations.isEmpty {
      for worker in workers { note("worker \(worker.index) has under way: \(worker.underWay)") }
      oracle.violation("after all faults had ended, these stayed unanswered: \(oracle.unanswered.prefix(5))")
    }
    let settled = now + .seconds(5)
    while now < settled, oracle.violations.isEmpty, step() {}
    oracle.verifyEnd()
    if !kafka.positionsMovedBack.isEmpty {
      oracle.violation("a committed position moved back: \(kafka.positionsMovedBack)")
    }
    if !isDisturbed, api.throttled > 0 {
      oracle.violation("the API answered 429 \(api.throttled) times without a fault")
    }
    counts.throttled += api.throttled
    counts.fencings += kafka.fencings
    for worker in workers { worker.end() }
    return oracle.violations
  }

  private func step() -> Bool {
    guard let (time, action) = agenda.next() else { return false }
    now = max(now, time)
    events += 1
    action()
    return true
  }

  private func calmDown() {
    isCalm = true
    api.faults = 0
    api.isOut = false
    api.refusedKeys = []
    produceQuota = nil
    roles.allComeBack()
    if !holds.isEmpty { setHolds(Holds()) }
    if setsClocks { for worker in workers { setClock(of: worker, ahead: .zero) } }
    timePerRecord =
      plan.mutant == .neverHalvesABatch && timePerRecord > .milliseconds(1) ? timePerRecord : .microseconds(100)
    note("calm")
    for worker in workers { worker.wakeUp() }
  }

  /// What happens by itself: sessions end, open transactions time out, markers are written.
  private func tick() {
    counts.aborts += kafka.expireTransactions(olderThan: .seconds(10), at: now)
    writeMarkersSoon()
    if wait(for: .groupCoordinator) == .zero { group.expireSessions(in: self) }
    after(.milliseconds(500)) { [unowned self] in self.tick() }
  }

  /// How long it takes until the broker has acknowledged so many records.
  func timeToProduce(_ count: Int) -> Duration {
    var duration = timePerRecord * count
    if let produceQuota {
      quotaIsUsedUntil = max(quotaIsUsedUntil, now) + .seconds(1) * count / produceQuota
      duration = max(duration, quotaIsUsedUntil - now)
    }
    return duration
  }

  func writeMarkersSoon() {
    for transaction in kafka.unmarked {
      after(milliseconds(isCalm ? 0...5 : 0...60) + wait(for: .transactionCoordinator)) { [unowned self] in
        if self.kafka.writeMarker(of: transaction) { self.writeMarkersSoon() }
      }
    }
  }

  // MARK: What happens to the workers

  private func act() {
    actionsLeft -= 1
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<58: produce(Int.random(in: 1...8, using: &random))
    case 58..<64: if isDisturbed { workers.randomElement(using: &random)?.crash() }
    case 64..<69: if isDisturbed { group.rebalance(in: self, "asked for") }
    case 69..<72:
      if isDisturbed, isExactlyOnce { workers.randomElement(using: &random)?.pause(for: milliseconds(500...9000)) }
    case 72..<74: if isDisturbed { workers.randomElement(using: &random)?.stopGracefully() }
    case 74..<80: if isDisturbed { api.faults = [0, 0, 60, 250, 700].randomElement(using: &random) ?? 0 }
    case 80..<83: if isDisturbed { api.isOut.toggle() }
    case 83..<86:
      if refusesCredentials, let key = accounts.values.map(\.index).sorted().randomElement(using: &random) {
        if api.refusedKeys.remove(key) == nil { api.refusedKeys.insert(key) }
      }
    case 86..<89:
      if isDisturbed {
        for key in accounts.values.map(\.index).sorted() where chance(50) { api.foreignCall(key, at: now) }
      }
    case 89..<92:
      let partition = Int32.random(in: 0..<partitions, using: &random)
      // A tombstone stays for `delete.retention.ms`, a day by default: whoever reads a ledger meanwhile finds it.
      let isBeingRead = workers.contains { $0.restoring.contains(partition) }
      let keepsAll = chance(50) || isBeingRead
      let first = kafka.end(of: .init(topic: .ledger, partition: partition)) - 200
      note("the ledger of \(partition) is compacted\(keepsAll ? "" : ", with tombstones before \(first)")")
      kafka.compact(partition, tombstonesFrom: keepsAll ? 0 : first)
    case 92..<94: if isDisturbed { timePerRecord = chance(50) ? .milliseconds(400) : .microseconds(100) }
    case 94..<96: produce(Int.random(in: 20...60, using: &random))
    case 96..<98: produceSweep()
    case 98: if isDisturbed { workers.randomElement(using: &random)?.joinUnasked() }
    case 99: if isDisturbed { produceQuota = chance(50) ? Int.random(in: 10...60, using: &random) : nil }
    default: break
    }
    if setsClocks, chance(6), let worker = workers.randomElement(using: &random) {
      let most = [0, 0, 700, 5000, 30_000, 900_000].randomElement(using: &random) ?? 0
      setClock(of: worker, ahead: .milliseconds(Int.random(in: -most...most, using: &random)))
    }
    if isDisturbed, chance(5) { restartBroker() }
    if holdsCancels, chance(8) { changeHolds() }
    if actionsLeft > 0 { after(milliseconds(chance(10) ? 0...3000 : 0...200)) { [unowned self] in self.act() } }
  }

  // MARK: Brokers and operators

  /// How long whoever needs this role has to wait for it.
  func wait(for role: BrokerRole) -> Duration { roles.wait(for: role, at: now) }

  private func restartBroker() {
    guard let role = BrokerRole.allCases.randomElement(using: &random) else { return }
    let duration = milliseconds(chance(20) ? 3000...9000 : 100...2000)
    counts.brokerRestarts += 1
    note("the broker restarts that is \(role): away for \(duration)")
    roles.restart(role, until: now + duration)
    guard role == .groupCoordinator else { return }
    // It gives every member a whole session when it is back.
    after(duration) { [unowned self] in for worker in self.workers { worker.sessionBegins() } }
  }

  private func changeHolds() {
    let names = accounts.keys.sorted { $0.description < $1.description }
    var changed = holds
    changed.take(
      HoldEvent(
        account: chance(30) ? nil : names.randomElement(using: &random),
        extent: HoldEvent.Extent.allCases.randomElement(using: &random) ?? .none, at: now))
    guard changed != holds else { return }
    setHolds(changed)
  }

  private func setHolds(_ holds: Holds) {
    self.holds = holds
    counts.holds += 1
    note("held from now on: \(holds.all.map { "\($0.account?.description ?? "every account"): \($0.extent)" })")
    for worker in workers { worker.hearOfHolds() }
  }

  // MARK: Clocks

  /// Differences below this are made good without a step.
  private static let smallestStep = Duration.seconds(1)

  private func setClock(of worker: SimulatedWorker, ahead: Duration) {
    note("the clock of worker \(worker.index) is set to \(ahead) ahead")
    worker.clock.set(ahead: ahead)
    let areRight = workers.allSatisfy { abs($0.clock.ahead.microseconds) < World.smallestStep.microseconds }
    if !areRight {
      oracle.clocksAreRightSince = nil
    } else if oracle.clocksAreRightSince == nil {
      // A worker looks once a second.
      oracle.clocksAreRightSince = now + .milliseconds(2500)
    }
  }

  /// Whether no worker's clock was far from the true time since then.
  func clocksAreRight(since time: Timestamp) -> Bool { oracle.clocksAreRightSince.map { $0 <= time } ?? false }

  // MARK: Requests

  /// Whether the request at this place is a kill-switch.
  func isKillSwitch(_ partition: Int32, _ offset: Int64) -> Bool {
    killSwitches.contains(KafkaModel.Place(partition: partition, offset: offset))
  }

  private func produce(_ count: Int) {
    for _ in 0..<count {
      let names = accounts.keys.sorted { $0.description < $1.description }
      guard let account = names.randomElement(using: &random) else { return }
      let partition = Int32((accounts[account]?.index ?? 0)) % partitions
      let order = Int64.random(in: 1...18, using: &random) + 100 * Int64(accounts[account]?.index ?? 0)
      let isKillSwitch = chance(20)
      var members = "\"orderId\":\(order),\"account\":\"\(account)\""
      if isKillSwitch { members += ",\"priority\":\"killSwitch\"" }
      let value = chance(4) ? "garbage" : "{\(members)}"
      let producedAt = now - milliseconds(0...30)
      let offset = kafka.logEnd(partition)
      kafka.produce(KafkaModel.Request(value: Array(value.utf8), producedAt: producedAt), to: partition)
      if isKillSwitch { killSwitches.insert(KafkaModel.Place(partition: partition, offset: offset)) }
      oracle.produced(
        partition, offset, order: value == "garbage" ? nil : order, at: producedAt,
        deadline: producedAt + (isKillSwitch ? policy.killSwitchDeadline : policy.routineDeadline))
    }
    for worker in workers { worker.fetchSoon() }
  }

  /// Somebody pulls the switch: for one account, or for all whose requests share a partition.
  private func produceSweep() {
    let names = accounts.keys.sorted { $0.description < $1.description }
    guard let account = names.randomElement(using: &random) else { return }
    let partition = Int32((accounts[account]?.index ?? 0)) % partitions
    let isForAll = partitions == 1 && chance(40)
    let target = isForAll ? "\"scope\":\"all\"" : "\"scope\":\"account\",\"account\":\"\(account)\""
    let producedAt = now - milliseconds(0...30)
    let offset = kafka.logEnd(partition)
    let start = chance(20) ? ",\"after\":\"\(Int.random(in: 1000...6000, using: &random))ms\"" : ""
    let value = "{\(target),\"cancelId\":\"sweep-\(partition)-\(offset)\"\(start)}"
    kafka.produce(KafkaModel.Request(value: Array(value.utf8), producedAt: producedAt), to: partition)
    let swept = isForAll ? names : [account]
    oracle.producedSweep(
      partition, offset, keys: swept.compactMap { accounts[$0]?.index }, isSwitch: !start.isEmpty, at: producedAt)
    counts.sweeps += 1
    note("a sweep is asked for: \(value)")
    for worker in workers { worker.fetchSoon() }
  }

  /// Whatever the history held.
  struct Counts {
    var results = 0
    var sweeps = 0
    var calls = 0
    var crashes = 0
    var rebalances = 0
    var overruns = 0
    var pauses = 0
    var aborts = 0
    var fencings = 0
    var throttled = 0
    var restores = 0
    var commits = 0
    var clockSteps = 0
    var brokerRestarts = 0
    var holds = 0
  }
}
