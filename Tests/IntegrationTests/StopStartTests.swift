import CancelContract
import EToroSimulator
import Foundation
import Kafka
import Testing
import WorkerHarness

@testable import cancel_worker

/// Stops at any moment, starts that can't succeed, and accounts that change meanwhile.
@Suite(.serialized, .enabled(if: TestBroker.bootstrap != nil, "KAFKA_BOOTSTRAP names no broker"))
struct StopStartTests {
  private func order(_ number: Int) -> Int { 1_000_000 + number / 100 * 1000 + number % 100 }

  @Test(.timeLimit(.minutes(3)), arguments: ["exactlyOnce", "atLeastOnce"])
  func aStopAtAnyMomentLosesAndRepeatsNothing(guarantee: String) async throws {
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    simulation.seed = seed
    simulation.faults.jitter = .milliseconds(40)
    let stage = try await Stage.make(
      simulation: simulation, settings: ["QUOTA_CALLS": "0", "DELIVERY_GUARANTEE": guarantee])
    let rounds = 6
    for round in 0..<rounds {
      let worker = try stage.worker()
      try await stage.send((0..<100).map { (0, order(100 * round + $0), "routine") })
      try await stage.waitForCalls(100 * round + Int.random(in: 0...99, using: &random))
      #expect(await worker.stop() == 0)
    }
    let last = try stage.worker()
    let results = try await stage.results(100 * rounds)
    let status = await last.stop()
    #expect(status == 0, "\(last.logTail)")
    let verdict = Verdict(requests: 100 * rounds, results: try await stage.topics.results())
    let calls = stage.simulator.state.callsPerOrder.values
    print("stops: \(rounds) \(verdict) calls=\(calls.reduce(0, +))")
    #expect(verdict.missing == 0 && verdict.repeated == 0)
    // Calls in flight were waited for, so none is repeated.
    #expect(calls.allSatisfy { $0 == 1 })
    #expect(results.allSatisfy { $0.outcome == .accepted })
    await stage.clear()
  }

  /// Signals that come while the process is still setting itself up.
  @Test(.timeLimit(.minutes(2)))
  func signalsRightAfterTheStartAreHeard() async throws {
    let stage = try await Stage.make(simulation: SimulatorConfiguration())
    for _ in 0..<20 {
      let worker = try stage.worker(settings: ["KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"])
      await worker.waitUntilItListens()
      worker.send(SIGHUP)
      #expect(await worker.stop() == 0)
    }
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(2)))
  func aSecondSignalEndsItAtOnce() async throws {
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    simulation.faults.hangRate = 1
    let stage = try await Stage.make(
      simulation: simulation,
      settings: ["QUOTA_CALLS": "0", "API_TIMEOUT": "90s", "SHUTDOWN_DRAIN_TIMEOUT": "90s"])
    let worker = try stage.worker()
    try await stage.send([(0, order(1), "routine")])
    try await stage.waitForCalls(1)
    worker.send(SIGTERM)
    try await stage.waitForLog("stopping: calls in flight may finish")
    worker.send(SIGTERM)
    #expect(await worker.waitForExit() == 130)
    // What was left behind is answered by the next one.
    stage.simulator.state.configure { $0.faults.hangRate = 0 }
    let next = try stage.worker()
    let results = try await stage.results(1)
    #expect(results.map(\.outcome) == [.accepted])
    #expect(await next.stop() == 0)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(2)))
  func aLogThatNobodyReadsEndsNothing() async throws {
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    let stage = try await Stage.make(simulation: simulation, settings: ["QUOTA_CALLS": "0", "LOG_LEVEL": "trace"])
    let log = Pipe()
    let worker = try stage.worker(unreadLog: log.fileHandleForWriting)
    try log.fileHandleForWriting.close()
    try log.fileHandleForReading.close()
    try await stage.send((0..<50).map { (0, order($0), "routine") })
    let results = try await stage.results(50)
    #expect(results.allSatisfy { $0.outcome == .accepted })
    #expect(await worker.stop() == 0)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(2)))
  func accountsAreReadAgainAndOneThatWasTakenOutFailsWhatWaits() async throws {
    var simulation = SimulatorConfiguration()
    simulation.quota = 5
    simulation.window = .seconds(600)
    let stage = try await Stage.make(
      accounts: 2, simulation: simulation,
      settings: ["QUOTA_CALLS": "5", "QUOTA_WINDOW": "10m", "QUOTA_RESERVED_FOR_KILL_SWITCH": "0"])
    let worker = try stage.worker()
    // Five of the second account's go out; the others wait for a quota that doesn't come.
    try await stage.send((0..<20).map { (1, order($0), "routine") })
    try await stage.waitForCalls(5)
    let before = try await stage.results(5)
    try "{\"accounts\":{\"a0\":{\"environment\":\"demo\",\"apiKey\":\"test-api-key\",\"userKey\":\"user-key-0\"}}}"
      .write(
        to: stage.accountsFile, atomically: true, encoding: .utf8)
    worker.send(SIGHUP)
    try await stage.send((100..<103).map { (0, order($0), "routine") })
    let results = try await stage.results(23)
    #expect(await worker.stop() == 0)
    #expect(before.allSatisfy { $0.outcome == .accepted })
    let removed = results.filter { $0.problem?.problemType == .accountRemoved }
    #expect(removed.count == 15)
    #expect(removed.allSatisfy { $0.outcome == .failed && $0.problem?.detail?.contains("a1") == true })
    #expect(results.filter { $0.outcome == .accepted }.count == 8)
    #expect(Verdict(requests: 23, results: try await stage.topics.results()).repeated == 0)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(2)))
  func faultyAccountsLeaveThoseInForce() async throws {
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    let stage = try await Stage.make(simulation: simulation, settings: ["QUOTA_CALLS": "0"])
    let worker = try stage.worker()
    try await stage.send([(0, order(1), "routine")])
    _ = try await stage.results(1)
    try "{\"accounts\":{\"a0\":{\"environment\":\"demo\",\"apiKey\":7}}}".write(
      to: stage.accountsFile, atomically: true, encoding: .utf8)
    worker.send(SIGHUP)
    try await stage.waitForLog("those in force stay")
    try await stage.send([(0, order(2), "routine")])
    let results = try await stage.results(2)
    #expect(results.allSatisfy { $0.outcome == .accepted })
    #expect(await worker.stop() == 0)
    await stage.clear()
  }

  @Test(
    .timeLimit(.minutes(1)),
    arguments: [
      (["API_TIMEOUT": "soon"], 78, "api.timeout"),
      (["API_BASE_URL": "http://example.com"], 78, "api.allowPlaintext"),
      (["KAFKA_BOOTSTRAP_SERVERS": ""], 78, "kafka.bootstrapServers"),
      (["ACCOUNTS_FILE": "/nowhere/accounts.json"], 78, "/nowhere/accounts.json"),
      (["TOPICS_LEDGER": "there-is-none"], 78, "there-is-none"),
      (["KAFKA_PROPERTIES_SECURITY_PROTOCOL": "NONSENSE"], 78, "security.protocol"),
    ] as [([String: String], Int32, String)])
  func aFailedStartSaysWhy(settings: [String: String], status: Int32, names: String) async throws {
    let stage = try await Stage.make(simulation: SimulatorConfiguration())
    let worker = try stage.worker(settings: settings)
    #expect(await worker.waitForExit() == status)
    let log = try String(contentsOf: stage.log(), encoding: .utf8)
    #expect(log.contains(names), "\(log)")
    #expect(log.split(separator: "\n").count <= 3, "\(log)")
    await stage.clear()
  }

  /// Started twice by mistake, with the same settings: the second one finds the admin port taken before it could fence
  /// the first.
  @Test(.timeLimit(.minutes(2)))
  func aSecondStartHarmsTheFirstWorkerNot() async throws {
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    let stage = try await Stage.make(
      simulation: simulation, settings: ["QUOTA_CALLS": "0", "ADMIN_PORT": "\(try WorkerHarness.freePort())"])
    let worker = try stage.worker()
    try await stage.send([(0, order(1), "routine")])
    _ = try await stage.results(1)
    let second = try stage.worker()
    #expect(await second.waitForExit() == 69)
    try await stage.waitForLog("free the port, or set admin.host and admin.port")
    try await stage.send([(0, order(2), "routine")])
    let results = try await stage.results(2)
    #expect(results.allSatisfy { $0.outcome == .accepted })
    #expect(await worker.stop() == 0)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(2)))
  func aTopicThatComesLateIsWaitedForAndTheWorkerGoesOn() async throws {
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    let stage = try await Stage.make(simulation: simulation, settings: ["QUOTA_CALLS": "0"])
    let ledger = stage.topics.names.ledger + "-late"
    let worker = try stage.worker(settings: ["TOPICS_LEDGER": ledger, "LOG_LEVEL": "debug"])
    try await stage.waitForLog("topics are missing; asking again")
    let admin = try KafkaAdmin(configuration: TestBroker.configuration, logger: TestBroker.logger)
    let created = try await admin.createTopics([
      KafkaTopicSpecification(
        name: ledger, partitions: stage.topics.partitions, replicationFactor: 1,
        configuration: ["cleanup.policy": "compact"])
    ])
    await admin.close(timeout: .seconds(5))
    #expect(created.allSatisfy { $0.error == nil })
    try await stage.send([(0, order(1), "routine")])
    #expect(try await stage.results(1).map(\.outcome) == [.accepted])
    #expect(await worker.stop() == 0)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(2)))
  func aBrokerThatIsNotThereIsWaitedFor() async throws {
    let stage = try await Stage.make(simulation: SimulatorConfiguration())
    let port = try WorkerHarness.freePort()
    let worker = try stage.worker(settings: ["KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "ADMIN_PORT": "\(port)"])
    try await stage.waitForLog("the broker is not ready; trying again")
    #expect(try await WorkerHarness.page("http://127.0.0.1:\(port)/readyz").status == 503)
    #expect(try await WorkerHarness.page("http://127.0.0.1:\(port)/livez").status == 200)
    #expect(await worker.stop() == 0)
    await stage.clear()
  }
}
