import CancelContract
import EToroSimulator
import Foundation
import Kafka
import Synchronization
import Testing

@testable import cancel_worker

/// The worker is killed again and again under load; afterwards each request has exactly one result.
@Suite(.serialized, .enabled(if: TestBroker.bootstrap != nil, "KAFKA_BOOTSTRAP names no broker"))
struct ChaosTests {
  @Test(.timeLimit(.minutes(10)))
  func eachRequestHasOneResultThroughTenCrashes() async throws {
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    let topics = try await TestTopics.create(partitions: 4)
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    simulation.seed = seed
    simulation.faults.jitter = .milliseconds(30)
    let simulator = EToroSimulator(configuration: simulation)
    let port = try await simulator.start()
    let log = FileManager.default.temporaryDirectory.appendingPathComponent("\(topics.group).log")
    let environment = topics.environment.merging([
      "API_BASE_URL": "http://127.0.0.1:\(port)", "ETORO_API_KEY": "chaos-api-key", "ETORO_USER_KEY": "chaos-user-key",
      "QUOTA_CALLS": "0", "ADMIN_PORT": "0", "WORKER_INSTANCE_ID": topics.group, "LOG_LEVEL": "info",
      "DEDUP_REJECTED_WINDOW": "1h", "SWIFT_BACKTRACE": "enable=no",
    ]) { own, _ in own }

    let kills = 12
    let rounds = 250
    var mix = RequestMix(seed: seed, duplicates: 0.3, garbage: 0.02)
    let producer = try KafkaProducer(
      configuration: TestBroker.configuration, transactionalID: nil, logger: TestBroker.logger)
    var worker = try WorkerUnderTest(environment: environment, log: log)
    for _ in 0..<kills {
      let before = simulator.state.totalCalls
      let messages = (0..<rounds).map { _ in mix.next() }
      try await producer.publish(
        messages.map { KafkaRecord(topic: topics.names.requests, key: $0.key, value: $0.value) })
      // The crash comes somewhere in the middle of this round's calls.
      let calls = before + Int.random(in: 1...rounds / 3, using: &random)
      _ = try await eventually("\(calls) calls, had \(simulator.state.totalCalls)", workers: { [worker] }) {
        simulator.state.totalCalls >= calls ? true : nil
      }
      await worker.crash()
      worker = try WorkerUnderTest(environment: environment, log: log)
    }
    await producer.close(timeout: .seconds(5))

    var verdict = try await eventually("\(mix.produced) results", workers: { [worker] }) {
      let verdict = Verdict(requests: mix.produced, results: try await topics.results())
      return verdict.missing > 0 ? nil : verdict
    }
    let status = await worker.stop()
    // What a last transaction may have added shows now.
    verdict = Verdict(requests: mix.produced, results: try await topics.results())
    let deadLetters = try await topics.count(topics.names.deadLetters)
    let calls = simulator.state.callsPerOrder
    await simulator.stop()
    print("chaos: kills=\(kills) \(verdict) calls=\(calls.values.reduce(0, +)) orders=\(mix.orders.count)")
    #expect(verdict.missing == 0)
    #expect(verdict.repeated == 0)
    #expect(status == 0)
    #expect(deadLetters == mix.unreadable)
    #expect(Set(calls.keys) == mix.orders)
    // A call is repeated only where a crash met it in flight, or before its answer was committed.
    #expect(calls.values.allSatisfy { $0 <= 1 + kills })
    let repeated = calls.values.filter { $0 > 1 }.count
    #expect(repeated <= kills * 400)
    try? FileManager.default.removeItem(at: log)
  }
}
