import CancelContract
import Foundation
import Testing

@testable import CancelCore

/// Random histories of requests, answers, commits, aborts, crashes and restores against a simple oracle.
@Suite struct HistoryTests {
  @Test(arguments: 0..<300)
  func eachRequestHasOneResult(seed: Int) {
    var world = World(seed: UInt64(seed))
    for _ in 0..<400 { world.step() }
    world.drain()
    world.check()
  }

  @Test(arguments: 0..<100)
  func theStateAfterRestoreIsTheStateBefore(seed: Int) {
    var world = World(seed: UInt64(seed) &+ 10_000)
    for _ in 0..<200 { world.step() }
    world.settleCommits()
    // A request whose call was on its way past its deadline is answered by the restore.
    let before = world.openSources(dueAfter: world.now)
    let rememberedBefore = world.engine.rememberedOrders
    world.crash()
    #expect(world.openSources(dueAfter: .distantPast) == before, "seed \(seed)")
    #expect(world.engine.rememberedOrders == rememberedBefore, "seed \(seed)")
  }
}

/// Kafka, the API and time, as values around an engine.
struct World {
  struct Request {
    var value: ReceivedRequest
  }

  var random: SplitMix64
  let seed: UInt64
  var now = Timestamp(milliseconds: 1_700_000_000_000)
  var engine: CancelEngine
  var log: [[ReceivedRequest]] = [[], []]
  var ledger: [[(key: [UInt8], value: [UInt8]?)]] = [[], []]
  var committedPositions: [Int64] = [0, 0]
  var readPositions: [Int64] = [0, 0]
  var published: [CancelResult] = []
  var flights: [Call] = []
  var batch: CommitBatch?
  var calls: [Int64: Int] = [:]
  var repeatable: [Int64: Int] = [:]

  static let policy: CancelPolicy = {
    var policy = CancelPolicy()
    policy.quotaCalls = 0
    policy.reservedForKillSwitch = 0
    policy.rejectedWindow = .seconds(86_400)
    policy.maxInFlight = 8
    return policy
  }()

  init(seed: UInt64) {
    self.seed = seed
    random = SplitMix64(seed: seed)
    engine = World.freshEngine(seed: seed, at: now)
    for partition in 0..<2 {
      engine.assign(Int32(partition))
      engine.restored(Int32(partition), at: now)
    }
  }

  static func freshEngine(seed: UInt64, at now: Timestamp) -> CancelEngine {
    var engine = CancelEngine(policy: policy, defaultAccount: "main", seed: seed)
    engine.configure(accounts: ["main": QuotaKey(index: 0), "other": QuotaKey(index: 1)], at: now)
    return engine
  }

  mutating func step() {
    now = now + .milliseconds(Int64.random(in: 0...40, using: &random))
    if let wake = engine.nextWake(), wake <= now { engine.advance(to: now) }
    switch Int.random(in: 0..<100, using: &random) {
    case ..<30: produce()
    case ..<55: read()
    case ..<70: send()
    case ..<85: answer()
    case ..<90: if batch == nil { batch = engine.takeCommit() }
    case ..<95: commit()
    case ..<97: abort()
    default: crash()
    }
  }

  mutating func produce() {
    let partition = Int.random(in: 0..<2, using: &random)
    // Keyed by order: what must meet shares a partition.
    let order = Int64.random(in: 0..<40, using: &random) * 2 + Int64(partition) + 1
    guard let orderID = OrderID(order) else { return }
    let offset = Int64(log[partition].count)
    var request = CancelRequest(cancelID: "\(partition)-\(offset)", orderID: orderID)
    request.account = order % 3 == 0 ? "other" : nil
    request.priority = Bool.random(using: &random) ? .routine : .killSwitch
    request.deadline = now + .milliseconds(Int64.random(in: 0...3000, using: &random))
    log[partition].append(
      ReceivedRequest(
        request: request, source: SourceCoordinates(topic: "r", partition: Int32(partition), offset: offset),
        producedAt: now, receivedAt: now))
  }

  mutating func read() {
    let partition = Int.random(in: 0..<2, using: &random)
    let position = Int(readPositions[partition])
    guard position < log[partition].count else { return }
    var request = log[partition][position]
    request.receivedAt = now
    #expect(engine.receive(request, at: now) != .accountUnknown)
    readPositions[partition] += 1
  }

  mutating func send() {
    var generator = random
    while let call = engine.nextCall(at: now, requestID: { World.uuid(&generator) }) {
      flights.append(call)
      calls[call.orderID.value, default: 0] += 1
    }
    random = generator
  }

  static func uuid(_ random: inout SplitMix64) -> UUID {
    var bytes = (random.next(), random.next())
    return withUnsafeBytes(of: &bytes) { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
  }

  mutating func answer(_ forced: CancelAnswer.Kind? = nil) {
    guard !flights.isEmpty else { return }
    let call = flights.remove(at: Int.random(in: 0..<flights.count, using: &random))
    let kinds: [CancelAnswer.Kind] = [.accepted, .accepted, .accepted, .rejected, .transient, .ambiguous, .throttled]
    let kind = forced ?? kinds.randomElement(using: &random) ?? .accepted
    if kind == .transient || kind == .ambiguous || kind == .throttled {
      repeatable[call.orderID.value, default: 0] += 1
    }
    let problem = kind == .accepted ? nil : Problem(.apiStatus, detail: "refused")
    engine.answered(
      call.id, CancelAnswer(kind: kind, httpStatus: kind == .ambiguous ? nil : 200, problem: problem), at: now)
  }

  mutating func commit() {
    guard let batch else { return }
    apply(batch)
    engine.committed()
    self.batch = nil
  }

  mutating func abort() {
    guard batch != nil else { return }
    engine.aborted()
    batch = nil
  }

  private mutating func apply(_ batch: CommitBatch) {
    published += batch.results
    for entry in batch.ledger { ledger[Int(entry.partition)].append((entry.key, entry.value)) }
    for (partition, position) in batch.positions { committedPositions[Int(partition)] = position }
  }

  /// The engine is lost; a batch under way may or may not have been committed.
  mutating func crash() {
    if let batch, Bool.random(using: &random) { apply(batch) }
    batch = nil
    for call in flights { repeatable[call.orderID.value, default: 0] += 1 }
    flights = []
    // Answers that were not committed are forgotten: their orders may be called again.
    for order in calls.keys { repeatable[order, default: 0] += 1 }
    engine = World.freshEngine(seed: seed &+ UInt64(published.count), at: now)
    for partition in 0..<2 {
      engine.assign(Int32(partition))
      for record in ledger[partition] {
        do {
          try engine.restore(Int32(partition), key: record.key, value: record.value, at: now)
        } catch {
          Issue.record("seed \(seed): \(error)")
        }
      }
      engine.restored(Int32(partition), at: now)
      readPositions[partition] = committedPositions[partition]
    }
  }

  mutating func settleCommits() {
    if batch != nil { commit() }
    while let next = engine.takeCommit() {
      batch = next
      commit()
    }
  }

  /// Lets everything come to its end.
  mutating func drain() {
    var rounds = 0
    while true {
      rounds += 1
      guard rounds < 100_000 else {
        Issue.record("seed \(seed): it never ends")
        return
      }
      for partition in 0..<2 {
        while readPositions[partition] < Int64(log[partition].count) {
          var request = log[partition][Int(readPositions[partition])]
          request.receivedAt = now
          _ = engine.receive(request, at: now)
          readPositions[partition] += 1
        }
      }
      engine.advance(to: now)
      send()
      while !flights.isEmpty { answer(.accepted) }
      settleCommits()
      if engine.openRequests == 0 { return }
      guard let wake = engine.nextWake() else {
        Issue.record("seed \(seed): \(engine.openRequests) requests wait and nothing will wake them")
        return
      }
      now = max(wake, now + .milliseconds(1))
    }
  }

  func check() {
    let total = log[0].count + log[1].count
    let sources = Set(published.map(\.source))
    #expect(sources.count == total, "seed \(seed): missing")
    #expect(published.count == total, "seed \(seed): repeated")
    for result in published {
      #expect((result.problem == nil) == (result.outcome == .accepted), "seed \(seed)")
      if let deduplicated = result.duplicateOf { #expect(deduplicated != result.cancelID, "seed \(seed)") }
    }
    for (order, count) in calls {
      let requests = log[Int((order - 1) % 2)].filter { $0.request.orderID.value == order }.count
      #expect(count <= requests + repeatable[order, default: 0], "seed \(seed): order \(order)")
    }
    #expect(engine.openRequests == 0)
    #expect(engine.openOrders == 0)
    #expect(engine.callsInFlight == 0)
  }

  func openSources(dueAfter time: Timestamp) -> Set<SourceCoordinates> {
    let requests = engine.partitions.values.flatMap { $0.open.values.flatMap(\.requests) }
    return Set(requests.filter { $0.deadline > time }.map(\.received.source))
  }
}
