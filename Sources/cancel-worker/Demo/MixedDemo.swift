import CancelContract
import EToroSimulator
import Kafka

/// A mixed load without a quota, with faults of the API if wanted.
struct MixedDemo: Sendable {
  let requests: Int
  let duplicates: Double
  let hasFaults: Bool
  let seed: UInt64
  let adminPort: Int?

  /// - Returns: whether each request got exactly one result.
  func run() async throws -> Bool {
    let accounts = (1...4).map { AccountName("desk-\($0)") }
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    simulation.seed = seed
    simulation.faults.delay = .milliseconds(5)
    simulation.faults.jitter = .milliseconds(20)
    if hasFaults {
      simulation.faults.serverErrorRate = 0.03
      simulation.faults.unavailableRate = 0.02
      simulation.faults.lostAnswerRate = 0.02
    }
    let stage = try await DemoStage.embedded(accounts: accounts, simulation: simulation, adminPort: adminPort) {
      setup in
      setup.policy.quotaCalls = 0
      setup.policy.reservedForKillSwitch = 0
      // So that a refused order that comes again is answered from memory, however long the demo takes.
      setup.policy.rejectedWindow = .seconds(3600)
    }
    let tally = ResultTally(
      title: "\(requests) requests, \(Int(duplicates * 100)) % of them duplicates, 2 % unreadable; "
        + "* = no call of its own")
    let played: Result<Void, any Error>
    do {
      try await stage.play(requests, tally) { try await send(to: stage, accounts) }
      played = .success(())
    } catch {
      played = .failure(error)
    }
    try await stage.clear()
    tally.end()
    let verdict = tally.verdict(requests: requests)
    StandardOutput.write(
      "demo: requests=\(requests) results=\(verdict.results) missing=\(verdict.missing) repeated=\(verdict.repeated) "
        + "calls=\(stage.simulator.state.totalCalls)\n")
    try played.get()
    return verdict.missing == 0 && verdict.repeated == 0
  }

  private func send(to stage: DemoStage, _ accounts: [AccountName]) async throws {
    var mix = RequestMix(seed: seed, duplicates: duplicates, garbage: 0.02, refusals: 0.05, accounts: accounts)
    let producer = try KafkaProducer(configuration: stage.kafka, transactionalID: nil, logger: CommandLog.quiet)
    var left = requests
    while left > 0, !Task.isCancelled {
      let messages = (0..<min(50, left)).map { _ in mix.next() }
      left -= messages.count
      try await producer.publish(
        messages.map { KafkaRecord(topic: stage.topics.requests, key: $0.key, value: $0.value) })
    }
    await producer.close(timeout: .seconds(5))
  }
}

/// A seeded load: new orders, duplicates of earlier ones, kill-switches, orders that the simulated API refuses, and
/// messages that are no requests. The demo sends it, and the tests of whole workers do.
struct RequestMix: Sendable {
  /// The orders that were requested.
  private(set) var orders: Set<Int64> = []
  /// The messages that were made.
  private(set) var produced = 0
  /// Those of them that are no requests.
  private(set) var unreadable = 0
  private var recent: [Int64] = []
  private var random: SeededGenerator
  private let duplicates: Double
  private let garbage: Double
  private let refusals: Double
  private let accounts: [AccountName]
  private let firstBlock: Int64

  private static let garbageTexts = [
    "", "not JSON", "[]", "{\"orderId\":", "{\"orderId\":0}", "{\"orderId\":-5}", "{\"orderId\":1.5}",
    "{\"orderId\":\"12x\"}", "{\"account\":\"desk-1\"}", "{\"orderId\":7,\"priority\":\"soon\"}",
    "{\"orderId\":7,\"account\":\"no-such-desk\"}",
  ]

  /// - Parameters:
  ///   - duplicates: the share of requests for one of the last few hundred orders.
  ///   - garbage: the share of messages that are no requests.
  ///   - refusals: the share of new orders that the simulated API does not know or has filled.
  ///   - accounts: the accounts that hold the orders, by their numbers; none for the worker's default account.
  init(seed: UInt64, duplicates: Double, garbage: Double, refusals: Double = 0, accounts: [AccountName] = []) {
    random = SeededGenerator(seed: seed)
    self.duplicates = duplicates
    self.garbage = garbage
    self.refusals = refusals
    self.accounts = accounts
    firstBlock = Int64.random(in: 13_000...9_000_000, using: &random)
  }

  /// The next message: its key and value.
  mutating func next() -> (key: [UInt8], value: [UInt8]) {
    produced += 1
    let draw = Double.random(in: 0..<1, using: &random)
    if draw < garbage, let text = RequestMix.garbageTexts.randomElement(using: &random) {
      unreadable += 1
      return (Array("garbage-\(produced)".utf8), Array(text.utf8))
    }
    let order: Int64
    if draw < garbage + duplicates, let earlier = recent.randomElement(using: &random) {
      order = earlier
    } else {
      order = newOrder()
    }
    let account = accounts.isEmpty ? "" : ",\"account\":\"\(accounts[Int(order % Int64(accounts.count))])\""
    let priority = Double.random(in: 0..<1, using: &random) < 0.1 ? "killSwitch" : "routine"
    let value = "{\"orderId\":\(order),\"cancelId\":\"c-\(produced)\",\"priority\":\"\(priority)\"\(account)}"
    return (Array("\(order)".utf8), Array(value.utf8))
  }

  /// A number that was not used before. The simulator refuses by the last three digits: 404 is unknown, 400 filled.
  private mutating func newOrder() -> Int64 {
    let draw = Double.random(in: 0..<1, using: &random)
    let ending: Int64 =
      draw < refusals * 0.6 ? 404 : draw < refusals ? 400 : Int64.random(in: 0..<400, using: &random)
    let order = (firstBlock + Int64(orders.count)) * 1000 + ending
    orders.insert(order)
    recent.append(order)
    if recent.count > 500 { recent.removeFirst(250) }
    return order
  }
}

/// A seeded generator, so that a history can be seen again.
struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    let mixed = (state ^ (state >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    return mixed ^ (mixed >> 33)
  }
}
