import CancelContract
import EToroSimulator
import Kafka

/// A mixed load through the real worker: duplicates, bad messages, refusals, and faults if wanted.
struct MixedDemo {
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
    let stage = try await DemoStage(accounts: accounts, simulation: simulation, adminPort: adminPort) { setup in
      setup.policy.quotaCalls = 0
      setup.policy.reservedForKillSwitch = 0
      // So that a refused order that comes again is answered from memory, however long the demo takes.
      setup.policy.rejectedWindow = .seconds(3600)
    }
    let view = DemoView()
    view.begin(
      "\(requests) requests, \(Int(duplicates * 100)) % of them duplicates, 2 % unreadable; * = no call of its own")
    let tally = ResultTally(view: view)
    let tail = try await KafkaTail.open(
      configuration: stage.kafka, topic: stage.topics.results, from: .beginning, logger: CommandLog.quiet)
    let expected = requests
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await tail.run { tally.take($0) >= expected ? .stop : .continue } }
      group.addTask { try await send(to: stage, accounts) }
      try await group.waitForAll()
    }
    view.end()
    try await stage.clear()
    let verdict = tally.verdict(requests: requests)
    StandardOutput.write(tally.summary + "\n")
    StandardOutput.write(
      "demo: requests=\(requests) results=\(verdict.results) missing=\(verdict.missing) repeated=\(verdict.repeated) "
        + "calls=\(stage.simulator.state.totalCalls)\n")
    return verdict.missing == 0 && verdict.repeated == 0
  }

  private func send(to stage: DemoStage, _ accounts: [AccountName]) async throws {
    var load = DemoLoad(seed: seed, duplicates: duplicates, accounts: accounts)
    let producer = try KafkaProducer(configuration: stage.kafka, transactionalID: nil, logger: CommandLog.quiet)
    var left = requests
    while left > 0 {
      let messages = (0..<min(50, left)).map { _ in load.next() }
      left -= messages.count
      try await producer.publish(
        messages.map { KafkaRecord(topic: stage.topics.requests, key: $0.key, value: $0.value) })
    }
    await producer.close(timeout: .seconds(5))
  }
}
