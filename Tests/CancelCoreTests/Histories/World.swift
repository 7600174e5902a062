import CancelContract
import Testing

@testable import CancelCore

/// One random history: workers, Kafka, the API, and the time that passes for them.
///
/// Nothing here waits: the clock jumps from one planned event to the next, and to each worker's `nextWake`.
final class World {
  struct Plan {
    var seed: UInt64
    /// Whether batches are transactions; otherwise a crash leaves a part of one.
    var isExactlyOnce = true
    var actions = 120
  }

  enum Event {
    case act
    case arrive(SentCall)
    case answer(SentCall, CancelAnswer)
    case decide(worker: Int, life: Int, batch: Int)
    case tell(worker: Int, life: Int, batch: Int)
    case restored(Int32, assignment: Int)
    case giveUp(Int32, assignment: Int, tries: Int)
    case restart(worker: Int)
    case turn(worker: Int, life: Int)
  }

  /// A call on its way.
  struct SentCall {
    var worker: Int
    var life: Int
    var call: Call
    var key: QuotaKey
    var tag: OrderTag
    var sentAt: Timestamp
  }

  let plan: Plan
  let policy: CancelPolicy
  var random: SplitMix64
  var now = at(0)
  var agenda = Agenda<Event>()
  var kafka = KafkaModel()
  var server: ServerModel
  var workers: [WorkerModel]
  /// Who owns each partition, and how often it has been assigned.
  var owners: [Int32: (worker: Int?, assignment: Int)] = [:]

  /// The assignment of a partition to its present owner.
  func assignment(_ partition: Int32) -> Assignment {
    Assignment(partition: partition, number: UInt64(max(1, owners[partition]?.assignment ?? 1)))
  }

  var accounts: [AccountName: QuotaKey]
  /// What operators hold back.
  var holds = Holds()
  var oracle = Oracle()
  var ids: RequestIDs
  var isCalm = false
  var batches = 0
  var actionsLeft: Int

  init(_ plan: Plan) {
    self.plan = plan
    random = SplitMix64(seed: plan.seed)
    ids = RequestIDs(seed: plan.seed)
    actionsLeft = plan.actions
    var policy = CancelPolicy()
    policy.quotaCalls = [0, 3, 5].randomElement(using: &random) ?? 3
    policy.quotaWindow = .seconds(2)
    policy.reservedForKillSwitch = Int.random(in: 0...2, using: &random)
    policy.acceptedWindow = .seconds(20)
    policy.rejectedWindow = .milliseconds(500)
    policy.routineDeadline = .seconds(12)
    policy.killSwitchDeadline = .seconds(25)
    policy.maxInFlight = 6
    policy.callTimeout = .milliseconds(500)
    policy.progressAfter = Bool.random(using: &random) ? .seconds(2) : nil
    policy.breakerMode = Bool.random(using: &random) ? .failFast : .hold
    policy.ledgerRecordSize = Bool.random(using: &random) ? 500 : 128 * 1024
    self.policy = policy
    server = ServerModel(limit: max(policy.quotaCalls, 5), window: policy.quotaWindow)
    server.tellsRemaining = Bool.random(using: &random)
    accounts = [:]
    let keys = Int.random(in: 1...4, using: &random)
    for number in 0..<Int.random(in: 1...5, using: &random) {
      accounts[AccountName("a\(number)")] = QuotaKey(index: number % keys)
    }
    workers = (0..<Int.random(in: 1...2, using: &random)).map { _ in WorkerModel() }
    for worker in workers.indices { start(worker) }
    for partition in 0..<Int32.random(in: 1...3, using: &random) {
      kafka.requests[partition] = []
      owners[partition] = (nil, 0)
      assign(partition)
    }
    agenda.plan(.act, at: now)
  }

  func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  func soon(_ milliseconds: ClosedRange<Int>) -> Timestamp {
    now
      + .microseconds(
        Int64.random(in: Int64(milliseconds.lowerBound) * 1000...Int64(milliseconds.upperBound) * 1000, using: &random))
  }

  /// Runs the history to its end, and checks it on the way and there.
  func run() throws {
    while actionsLeft > 0 { try step() }
    calmDown()
    let end = now + .seconds(400)
    while !isAnswered {
      guard now < end else {
        fail("requests stay without an answer: \(unanswered)")
        throw Stuck()
      }
      try step()
    }
    try verifyEnd()
  }

  func step() throws {
    guard let (time, event) = agenda.next() else {
      fail("nothing is planned, and requests stay without an answer: \(unanswered)")
      throw Stuck()
    }
    now = max(now, time)
    switch event {
    case .act: act()
    case .arrive(let call): arrive(call)
    case .answer(let call, let answer): answered(call, answer)
    case .decide(let worker, let life, let batch): decide(worker, life, batch)
    case .tell(let worker, let life, let batch): tell(worker, life, batch)
    case .restored(let partition, let assignment): restored(partition, assignment)
    case .giveUp(let partition, let assignment, let tries): giveUp(partition, assignment, tries)
    case .restart(let worker): restart(worker)
    case .turn(let worker, let life): if workers[worker].life == life { turn(worker) }
    }
  }

  struct Stuck: Error {}

  /// Requests that have no published result.
  var unanswered: [SourceCoordinates] {
    kafka.requests.flatMap { partition, messages in
      messages.indices.map { SourceCoordinates(topic: "requests", partition: partition, offset: Int64($0)) }
        .filter { kafka.answers[$0] == nil }
    }
  }

  var isAnswered: Bool { kafka.answers.count == kafka.requests.values.reduce(0) { $0 + $1.count } }
}
