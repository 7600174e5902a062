import CancelContract
import EToroSimulator
import Foundation
import Kafka
import Testing

/// A worker whose place was taken ends, and what it had not published is published by its successor, once.
@Suite(.serialized, .enabled(if: TestBroker.bootstrap != nil, "KAFKA_BOOTSTRAP names no broker"))
struct FencingTests {
  @Test(.timeLimit(.minutes(3)))
  func aFencedWorkerEndsAndItsSuccessorAnswersTheRest() async throws {
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    simulation.faults.delay = .milliseconds(20)
    let stage = try await Stage.make(simulation: simulation, settings: ["QUOTA_CALLS": "0"])
    var worker = try stage.worker()
    try await stage.send((0..<400).map { (0, 1_000_000 + $0, "routine") })
    try await stage.waitForCalls(100)

    // A producer of the same transactional id fences the worker's and aborts what it has open.
    let usurper = try KafkaProducer(
      configuration: TestBroker.configuration, transactionalID: stage.transactionalID(), logger: TestBroker.logger)
    try await usurper.initTransactions(timeout: .seconds(30))
    try await stage.send((400..<800).map { (0, 1_000_000 + $0, "routine") })
    let status = await worker.waitForExit()
    await usurper.close(timeout: .seconds(5))
    #expect(status != 0)
    let log = try String(contentsOf: stage.log(), encoding: .utf8)
    #expect(log.contains("fenced") || log.contains("epoch"), "the log does not say why the worker ended")

    worker = try stage.worker()
    _ = try await stage.results(800)
    #expect(await worker.stop() == 0)
    let verdict = Verdict(requests: 800, results: try await stage.topics.results())
    let calls = stage.simulator.state.callsPerOrder
    print("fencing: \(verdict) calls=\(calls.values.reduce(0, +))")
    #expect(verdict.missing == 0)
    #expect(verdict.repeated == 0)
    #expect(calls.values.allSatisfy { $0 <= 2 })
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(3)))
  func aSecondWorkerOfTheSameNameTakesTheFirstOnesPlace() async throws {
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    simulation.faults.delay = .milliseconds(20)
    let stage = try await Stage.make(simulation: simulation, settings: ["QUOTA_CALLS": "0"])
    let first = try stage.worker()
    try await stage.send((0..<400).map { (0, 1_000_000 + $0, "routine") })
    try await stage.waitForCalls(100)
    let second = try stage.worker()
    #expect(await first.waitForExit() != 0)
    try await stage.send((400..<500).map { (0, 1_000_000 + $0, "routine") })
    _ = try await stage.results(500)
    #expect(await second.stop() == 0)
    let verdict = Verdict(requests: 500, results: try await stage.topics.results())
    print("fencing: two of one name \(verdict)")
    #expect(verdict.missing == 0)
    #expect(verdict.repeated == 0)
    await stage.clear()
  }
}
