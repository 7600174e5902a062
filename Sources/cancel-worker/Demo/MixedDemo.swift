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
