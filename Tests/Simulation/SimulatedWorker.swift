import CancelContract
import CancelCore
import CancelService
import FoundationEssentials
import Kafka

/// One worker's process: the real `Worker`, and a shell that performs its effects in the history's time.
///
/// The order of the steps is that of the real shell, publisher and consumer.
final class SimulatedWorker {
  let index: Int
  unowned let world: World
  /// Tells what was planned for this process from what was for an earlier one.
  private(set) var life = 0
  private(set) var worker: Worker?
  private var pausedUntil: Timestamp?
  private var heldBack: [() -> Void] = []
  private var lastSeen: Timestamp
  let clock: SimulatedClock
  /// What the clock has stepped as far as the worker knows.
  private var stepped = Duration.zero
  private(set) var epoch = 0
  private var ids: SplitMix64

  // The consumer.
  /// The present assignment; `nil` between two.
  private(set) var present: UInt64?
  private var assignments: UInt64 = 0
  private(set) var generation = 0
  private(set) var next: [Int32: Int64] = [:]
  private var resumed: Set<Int32> = []
  private var outstanding = 0
  private var fetchIsPlanned = false
  private var lastHandover = Timestamp.distantPast
  /// What an assignment that ended left to the next one: only where that is the fault that was put in.
  private var leftOver: [KafkaMessage] = []
  /// Orders whose acceptance was heard under the present assignment.
  var acceptedHere: Set<Int64> = []
  /// Orders of kill-switches that were handed over under the present assignment and that nobody ever called for, by
  /// user key, with when they were produced.
  var waitingKillSwitches: [QuotaKey: [Int64: Timestamp]] = [:]
  /// Partitions whose ledger is being read.
  var restoring: Set<Int32> = []
  /// The assignment whose release the poll thread waits for.
  private var awaitedRelease: UInt64?

  /// The holds of which it has heard.
  private(set) var heardHolds = Holds()

  private var wakeNumber = 0
  private var turnIsPlanned = false

  init(index: Int, world: World) {
    self.index = index
    self.world = world
    lastSeen = world.now
    clock = SimulatedClock(
      mutant: world.plan.mutant, drift: world.driftsClocks ? Int.random(in: -500...500, using: &world.random) : 0)
    ids = SplitMix64(seed: world.plan.seed &+ UInt64(index) &* 7919)
  }

  private var isAlive: Bool { worker != nil }

  // MARK: The process

  func start() {
    guard !isAlive else { return }
    life += 1
    lastSeen = world.now
    (present, assignments, next, resumed, outstanding, awaitedRelease) = (nil, 0, [:], [], 0, nil)
    (fetchIsPlanned, turnIsPlanned, pausedUntil, heldBack) = (false, false, nil, [])
    clock.start(at: world.now)
    stepped = .zero
    (acceptedHere, waitingKillSwitches, restoring) = ([], [:], [])
    if world.isExactlyOnce { epoch = world.kafka.initTransactions("worker-\(index)") }
    world.writeMarkersSoon()
    var settings = Worker.Settings()
    settings.policy = world.policy
    settings.defaultAccount = "a0"
    settings.maxPending = 60
    settings.drainTimeout = .seconds(2)
    settings.commits.usualBatch = 12
    settings.commits.largestBatch = 40
    if world.plan.mutant == .neverHalvesABatch { settings.commits.slowCommit = .seconds(1_000_000) }
    let requestIDs = SeededBytes(seed: ids.next())
    worker = Worker(
      settings, accounts: world.accounts, seed: ids.next(), requestID: { requestIDs.next() },
      at: clock.reading(at: world.now).time)
    world.note("worker \(index) starts")
    heardHolds = world.holds
    if world.plan.mutant != .forgetsHoldsAtTheStart { handle(.holds(world.holds)) }
    watchClock()
    let wait = world.wait(for: .groupCoordinator)
    guard wait > .zero else { return world.group.join(self, isRestart: true, in: world) }
    later(wait) { [unowned self] in self.world.group.join(self, isRestart: true, in: self.world) }
  }

  /// The control topic has something new: it is heard within a second.
  func hearOfHolds() {
    guard isAlive else { return }
    later(world.milliseconds(0...900)) { [unowned self] in
      // A step of the clock is told first, as by the shell: it is heard under the holds of before.
      let now = self.presentTime()
      self.heardHolds = self.world.holds
      self.handle(.holds(self.world.holds), at: now)
    }
  }

  func crash() {
    guard isAlive else { return }
    world.counts.crashes += 1
    world.note("worker \(index) is killed")
    end()
    restartLater()
  }

  /// What the worker has under way, for the trace.
  var underWay: String {
    guard let engine = worker?.engine else { return "nothing: it does not run" }
    return "\(engine.openRequests) requests, \(engine.unpublishedResults) results, "
      + "\(engine.roundGauges(at: clock.reading(at: world.now).time).sweeps)"
  }

  func end() {
    worker = nil
    restoring = []
    life += 1
    heldBack = []
  }

  private func restartLater() {
    world.after(world.chance(30) ? world.milliseconds(3000...9000) : world.milliseconds(50...900)) { [unowned self] in
      self.start()
    }
  }

  /// As by SIGSTOP.
  func pause(for duration: Duration) {
    guard isAlive, pausedUntil == nil else { return }
    world.counts.pauses += 1
    world.note("worker \(index) is paused for \(duration)")
    lastSeen = world.now
    pausedUntil = world.now + duration
    let life = self.life
    world.after(duration) { [unowned self] in if self.life == life { self.wakeUp() } }
  }

  func wakeUp() {
    guard isAlive, pausedUntil != nil else { return }
    pausedUntil = nil
    world.note("worker \(index) goes on")
    let held = heldBack
    heldBack = []
    if !world.group.isMember(index) {
      // Its heartbeat tells it.
      if let present {
        endAssignment()
        handle(.lost(number: present))
      }
      world.group.join(self, isRestart: false, in: world)
    }
    for action in held where isAlive { action() }
  }

  func stopGracefully() {
    guard isAlive, pausedUntil == nil else { return }
    world.note("worker \(index) is told to stop")
    handle(.stop)
  }

  /// The group's coordinator counts this member's session from now on.
  func sessionBegins() { if pausedUntil == nil { lastSeen = world.now } }

  func silence(at now: Timestamp) -> Duration {
    guard isAlive, pausedUntil == nil else { return now - lastSeen }
    lastSeen = now
    return .zero
  }

  /// Runs `action` in this process after a delay; not where the process has ended by then, and later where it is paused.
  func later(_ delay: Duration, _ action: @escaping () -> Void) {
    let life = self.life
    world.after(delay) { [unowned self] in
      guard self.life == life else { return }
      if self.pausedUntil != nil { self.heldBack.append(action) } else { action() }
    }
  }

  // MARK: The clock

  /// The worker's time. Where its clock has stepped, the worker is told first, as by the real shell.
  private func presentTime() -> Timestamp {
    let reading = clock.reading(at: world.now)
    if reading.stepped != stepped {
      let step = reading.stepped - stepped
      stepped = reading.stepped
      world.counts.clockSteps += 1
      world.note("worker \(index): the clock steps by \(step)")
      handle(.clockStepped(by: step), at: reading.time)
    }
    return reading.time
  }

  private func watchClock() {
    later(.seconds(1)) { [unowned self] in
      _ = self.presentTime()
      self.watchClock()
    }
  }

  /// How long it is until the worker's clock shows this time.
  private func delay(until time: Timestamp) -> Duration { time - clock.reading(at: world.now).time }

  /// By how much the worker's clock is ahead of the true time.
  var clockIsAhead: Duration { clock.reading(at: world.now).time - world.now }

  // MARK: The consumer

  /// The group rebalances: this member is to give its partitions up and join again.
  func hearOfRebalance() {
    guard isAlive else { return }
    later(world.milliseconds(0...250)) { [unowned self] in
      guard self.awaitedRelease == nil else { return }
      guard let present = self.present else { return self.joinAgain() }
      self.awaitedRelease = present
      self.handle(.revoked(number: present))
      // The poll thread waits no longer than this, which may be too short.
      self.later(self.world.isDisturbed && self.world.chance(30) ? self.world.milliseconds(200...1500) : .seconds(7)) {
        [unowned self] in
        guard self.awaitedRelease == present else { return }
        self.world.counts.overruns += 1
        self.world.note("worker \(self.index): giving assignment \(present) up overran")
        self.finishRevocation()
      }
    }
  }

  private func finishRevocation() {
    awaitedRelease = nil
    endAssignment()
    joinAgain()
  }

  private func endAssignment() {
    if world.plan.mutant == .deliversMessagesOfAnEndedAssignment { leftOver = prefetched() }
    present = nil
    resumed = []
    next = [:]
    (acceptedHere, waitingKillSwitches, restoring) = ([], [:], [])
  }

  /// What the client has read ahead and not handed over.
  private func prefetched() -> [KafkaMessage] {
    resumed.sorted().flatMap { partition in
      let available = world.kafka.requests[partition] ?? []
      let first = next[partition] ?? 0
      return (first..<min(first + 4, Int64(available.count))).map { message(partition, $0, available[Int($0)]) }
    }
  }

  private func message(_ partition: Int32, _ offset: Int64, _ request: KafkaModel.Request) -> KafkaMessage {
    var value = request.value
    if world.plan.mutant == .takesKillSwitchesForRoutine {
      value = Array(
        String(decoding: value, as: UTF8.self).replacing(",\"priority\":\"killSwitch\"", with: "").utf8)
    }
    return KafkaMessage(
      topic: "requests", partition: partition, offset: offset,
      timestampMilliseconds: request.producedAt.map { $0.microseconds / 1000 }, value: value)
  }

  /// The member joins again though nobody rebalances, as after a lost connection: the group may give it the same
  /// partitions under the same generation.
  func joinUnasked() {
    guard isAlive, pausedUntil == nil, present != nil, awaitedRelease == nil else { return }
    world.note("worker \(index) joins again unasked")
    hearOfRebalance()
  }

  private func joinAgain() {
    later(world.milliseconds(0...40) + world.wait(for: .groupCoordinator)) { [unowned self] in
      self.world.group.join(self, isRestart: false, in: self.world)
    }
  }

  /// This member's session ended.
  func wasRemoved() {
    guard isAlive, pausedUntil == nil else { return }
    later(world.milliseconds(0...300)) { [unowned self] in
      guard !self.world.group.isMember(self.index) else { return }
      if let present = self.present {
        self.awaitedRelease = nil
        self.endAssignment()
        self.handle(.lost(number: present))
      }
      self.joinAgain()
    }
  }

  /// The group gives these partitions to this member.
  func receive(_ partitions: [Int32], generation: Int) {
    guard isAlive else { return }
    later(world.milliseconds(0...60)) { [unowned self] in
      guard self.world.group.assigns(self.index, generation: generation) else { return }
      self.fetchOffsets(partitions, generation)
    }
  }

  /// Offsets that a transaction may still change are waited for.
  private func fetchOffsets(_ partitions: [Int32], _ generation: Int) {
    guard world.group.assigns(index, generation: generation) else { return }
    let wait = world.wait(for: .groupCoordinator)
    guard wait == .zero, !partitions.contains(where: world.kafka.isUnstable) else {
      return later(max(wait, .milliseconds(20))) { [unowned self] in self.fetchOffsets(partitions, generation) }
    }
    if let present {
      endAssignment()
      handle(.lost(number: present))
    }
    assignments += 1
    present = assignments
    self.generation = generation
    var starts: [Int32: Worker.Start] = [:]
    for partition in partitions {
      let committed = world.kafka.committed[partition]
      next[partition] = committed ?? 0
      let logEnd = world.plan.mutant == .deniesEarlierCalls ? 0 : world.kafka.logEnd(partition)
      starts[partition] = Worker.Start(position: committed, logEnd: logEnd)
    }
    world.note(
      "worker \(index): assignment \(assignments) of \(partitions) from \(partitions.map { starts[$0]?.position ?? -1 })"
    )
    handle(.assigned(starts, number: assignments))
  }

  func fetchSoon() {
    guard isAlive, !fetchIsPlanned else { return }
    fetchIsPlanned = true
    later(world.milliseconds(0...15)) { [unowned self] in
      self.fetchIsPlanned = false
      self.fetch()
    }
  }

  private func fetch() {
    guard let number = present, awaitedRelease == nil else { return }
    let wait = world.wait(for: .requestsLeader)
    guard wait == .zero else { return later(wait) { [unowned self] in self.fetchSoon() } }
    var fetched = leftOver.filter { resumed.contains($0.partition) }
    leftOver = []
    outstanding += fetched.count
    for partition in resumed.sorted() {
      let available = world.kafka.requests[partition] ?? []
      var room = Int.random(in: 1...12, using: &world.random)
      while room > 0, outstanding < 50, let offset = next[partition], offset < available.count {
        fetched.append(message(partition, offset, available[Int(offset)]))
        next[partition] = offset + 1
        outstanding += 1
        room -= 1
      }
    }
    guard !fetched.isEmpty else { return }
    fetchSoon()
    let received = clock.reading(at: world.now)
    let decoder = RequestDecoder(echoedHeaderNames: [], maximumBytes: 10_000)
    let messages = fetched.map { IncomingMessage($0, decoder: decoder, receivedAt: received.time) }
    // Handed over to the worker's event loop, which keeps the order.
    lastHandover = max(lastHandover, world.now + world.milliseconds(0...2))
    later(lastHandover - world.now) { [unowned self] in
      self.handOver(messages, number: number, stepped: received.stepped)
    }
  }

  private func handOver(_ messages: [IncomingMessage], number: UInt64, stepped earlier: Duration) {
    let now = presentTime()
    var messages = messages
    if earlier != stepped { for index in messages.indices { messages[index].clockStepped(by: stepped - earlier) } }
    for case .request(let request, let raw) in messages where worker?.receives(raw.partition, number: number) == true {
      let order = request.request.orderID.value
      world.note("worker \(index) receives \(raw.partition)/\(raw.offset): order \(order), \(request.request.priority)")
      guard world.isKillSwitch(raw.partition, raw.offset), !world.oracle.hasCalled(order),
        let key = world.accounts[request.request.account ?? "a0"]
      else { continue }
      waitingKillSwitches[key, default: [:]][order] = world.now
    }
    handle(.messages(messages, number: number, credit: messages.count), at: now)
  }

  // MARK: Effects

  func handle(_ event: Worker.Event) {
    guard worker != nil else { return }
    handle(event, at: presentTime())
  }

  private func handle(_ event: Worker.Event, at now: Timestamp) {
    guard worker != nil else { return }
    var effects: [Worker.Effect] = []
    worker?.handle(event, at: now, into: &effects)
    for effect in effects where isAlive { perform(effect) }
  }

  private func perform(_ effect: Worker.Effect) {
    switch effect {
    case .restore(let assignment, let offset, let notBefore):
      later(max(delay(until: notBefore), .zero) + world.milliseconds(1...50)) { [unowned self] in
        self.restore(assignment, from: offset)
      }
    case .resume(let partitions, let number):
      guard number == present else { return }
      resumed.formUnion(partitions)
      fetchSoon()
    case .acknowledge(let credit):
      outstanding -= credit
      fetchSoon()
    case .send(let call): send(call)
    case .list(let list): read(list)
    case .lookUp(let lookup): lookUp(lookup)
    case .commit(let batch, let number):
      SimulatedCommit(batch, number: number, of: self).begin()
    case .confirm(let positions, let number): confirm(positions, number)
    case .released(let number): if awaitedRelease == number { finishRevocation() }
    case .notify, .report, .changed: break
    case .wake(let time):
      wakeNumber += 1
      let wake = wakeNumber
      later(delay(until: time)) { [unowned self] in if self.wakeNumber == wake { self.handle(.timer) } }
    case .turnSoon:
      guard !turnIsPlanned else { return }
      turnIsPlanned = true
      later(.zero) { [unowned self] in
        self.turnIsPlanned = false
        self.handle(.timer)
      }
    case .stopped:
      world.note("worker \(index) has stopped")
      end()
      restartLater()
    case .fail(let error):
      world.note("worker \(index) ends: \(error)")
      end()
      restartLater()
    }
  }
}
