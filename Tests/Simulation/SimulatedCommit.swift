import CancelContract
import CancelCore
import CancelService

/// One batch on its way, in the steps of the real publishers.
final class SimulatedCommit {
  private let batch: CommitBatch
  private let number: UInt64
  private let owner: SimulatedWorker
  private var world: World { owner.world }
  private var transaction: Int?
  private var positions: [Int32: Int64]
  /// By how much the worker's clock was ahead of the true time when the batch was made.
  private let clockWasAhead: Duration

  init(_ batch: CommitBatch, number: UInt64, of owner: SimulatedWorker) {
    var batch = batch
    if owner.world.plan.mutant == .forgetsWhatASweepAnswered {
      // The key of such a mark is `orderId!offset@account`.
      batch.ledger.removeAll { $0.key.first != UInt8(ascii: "!") && $0.key.contains(UInt8(ascii: "!")) }
    }
    (self.batch, self.number, self.owner) = (batch, number, owner)
    positions = batch.positions
    clockWasAhead = owner.clockIsAhead
    if owner.world.plan.mutant == .movesThePositionPastWhatIsLeft {
      for partition in positions.keys { positions[partition] = owner.next[partition] ?? positions[partition] }
    }
  }

  func begin() {
    world.counts.commits += 1
    let isExactlyOnce = world.isExactlyOnce
    owner.later(delay(isExactlyOnce ? .transactionCoordinator : .resultsLeader)) {
      isExactlyOnce ? self.takeMembership() : self.flushAnswers()
    }
  }

  /// How long a step takes for which this role is needed.
  private func delay(_ role: BrokerRole? = nil) -> Duration {
    (world.fault(25) ? world.milliseconds(200...6000) : world.milliseconds(0...4))
      + (role.map(world.wait) ?? .zero)
  }

  private func fail(_ failure: CommitFailure) {
    if let transaction { _ = world.kafka.decide(transaction, commit: false) }
    world.writeMarkersSoon()
    world.counts.aborts += 1
    owner.handle(.commitFailed(failure, SimulatedFault()))
  }

  // MARK: In a transaction

  private func takeMembership() {
    let isChecked = world.plan.mutant != .takesAnyMembership
    guard !isChecked || owner.present == number else { return fail(.passing) }
    let generation = owner.generation
    let producer = "worker-\(owner.index)"
    guard !world.kafka.isFenced(producer, owner.epoch) else { return fail(.fatal) }
    transaction = world.kafka.begin(producer, owner.epoch, at: world.now)
    owner.later(max(delay(.transactionCoordinator), delay(.groupCoordinator))) { self.sendOffsets(generation) }
  }

  private func sendOffsets(_ generation: Int) {
    guard let transaction else { return }
    // The producer's transaction before is still being completed: the coordinator says so, and it is asked again.
    guard !world.kafka.isCompleting("worker-\(owner.index)") else {
      return owner.later(.milliseconds(2)) { self.sendOffsets(generation) }
    }
    guard world.kafka.transactions[transaction].decision == .open else { return fail(.fatal) }
    let isChecked = world.plan.mutant != .takesAnyMembership
    guard world.group.accepts(owner.index, generation: isChecked ? generation : world.group.generation) else {
      return fail(.passing)
    }
    world.kafka.addOffsets(positions, to: transaction)
    world.note(
      "worker \(owner.index): transaction \(transaction) under \(number) holds the positions \(positions.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" })"
    )
    owner.later(delay()) {
      let ignores = self.world.plan.mutant == .ignoresARejoinAfterTheOffsets || !isChecked
      guard ignores || self.owner.present == self.number else { return self.fail(.passing) }
      self.produce()
    }
  }

  private func produce() {
    guard let transaction else { return }
    for result in batch.results { append(result, in: transaction) }
    for entry in batch.ledger {
      world.kafka.append(
        entry.key, entry.value, to: .init(topic: .ledger, partition: entry.partition), in: transaction)
    }
    let duration =
      world.timeToProduce(batch.results.count + batch.ledger.count)
      + max(world.wait(for: .ledgerLeader), batch.results.isEmpty ? .zero : world.wait(for: .resultsLeader))
    if duration > .seconds(7) { return owner.later(.seconds(7)) { self.fail(.timedOut) } }
    if world.fault(30) { return owner.later(duration) { self.fail(.passing) } }
    owner.later(duration + delay(.transactionCoordinator)) { self.decide() }
  }

  private func decide() {
    guard let transaction else { return }
    guard world.kafka.decide(transaction, commit: true) else {
      self.transaction = nil
      return fail(.fatal)
    }
    world.note(
      "worker \(owner.index): transaction \(transaction) is committed: "
        + batch.results.map { "\($0.source.partition)/\($0.source.offset) \($0.outcome)" }.joined(separator: ", ")
        + "; ledger " + batch.ledger.map { String(decoding: $0.key, as: UTF8.self) }.joined(separator: ", "))
    for result in batch.results { publish(result) }
    world.oracle.remembered(batch.results, at: world.now)
    world.writeMarkersSoon()
    self.transaction = nil
    owner.later(delay()) { self.owner.handle(.committed) }
  }

  // MARK: Without a transaction

  private func flushAnswers() {
    switch world.plan.mutant {
    case .flushesResultsAndLedgerTogether: return flushTogether()
    case .commitsThePositionFirst: commitPosition()
    default: break
    }
    var arrived = batch.results.count
    let isTorn = world.fault(40)
    if isTorn { arrived = Int.random(in: 0...arrived, using: &world.random) }
    for result in batch.results.prefix(arrived) {
      append(result, in: nil)
      publish(result)
    }
    if isTorn { return owner.later(delay()) { self.fail(.passing) } }
    owner.later(delay(.ledgerLeader)) { self.flushLedger() }
  }

  private func flushLedger() {
    let isChecked = world.plan.mutant != .writesTheLedgerOfAnEndedAssignment
    guard !isChecked || owner.present == number else { return fail(.passing) }
    var arrived = batch.ledger.count
    let isTorn = world.fault(40)
    if isTorn { arrived = Int.random(in: 0...arrived, using: &world.random) }
    writeLedger(arrived)
    if isTorn { return owner.later(delay()) { self.fail(.passing) } }
    world.oracle.remembered(batch.results, at: world.now)
    owner.later(delay()) {
      if self.world.plan.mutant != .commitsThePositionFirst { self.commitPosition() }
      self.owner.handle(.committed)
    }
  }

  private func flushTogether() {
    writeLedger(batch.ledger.count)
    owner.later(delay()) {
      if self.world.fault(40) { return self.fail(.passing) }
      for result in self.batch.results {
        self.append(result, in: nil)
        self.publish(result)
      }
      self.commitPosition()
      self.owner.handle(.committed)
    }
  }

  private func writeLedger(_ count: Int) {
    for entry in batch.ledger.prefix(count) {
      world.kafka.append(entry.key, entry.value, to: .init(topic: .ledger, partition: entry.partition), in: nil)
    }
  }

  /// A position that is not taken goes with the next batch.
  private func commitPosition() {
    guard owner.present == number, world.group.accepts(owner.index, generation: owner.generation),
      world.wait(for: .groupCoordinator) == .zero
    else { return }
    world.kafka.commit(positions)
  }

  // MARK: Results

  private func append(_ result: CancelResult, in transaction: Int?) {
    let record = world.readsRecords ? Self.encoder.encode(result) : nil
    world.kafka.append(record?.key ?? [], record?.value, to: .init(topic: .results, partition: 0), in: transaction)
  }

  /// A reader sees the result. Writing and reading its record is most of a history's time, so that in most histories what
  /// is looked at is the result as it was written.
  private func publish(_ result: CancelResult) {
    world.counts.results += 1
    var seen = result
    if world.readsRecords {
      let record = Self.encoder.encode(result)
      do {
        seen = try ResultDecoder().decode(value: record.value, key: record.key, headers: record.headers).result
      } catch {
        return world.oracle.violation("a result can't be read: \(error)")
      }
    }
    world.oracle.published(seen, answeredAt: seen.stages.answered - clockWasAhead, world.api)
  }

  private static let encoder = ResultEncoder(
    worker: WorkerIdentity(instance: "simulated", version: "0"), eventSource: "/simulation")
}

/// A fault that the history put in.
struct SimulatedFault: Error {}
