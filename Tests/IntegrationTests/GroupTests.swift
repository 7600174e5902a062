import CancelContract
import EToroSimulator
import Foundation
import Kafka
import Testing

@testable import cancel_worker

/// Several workers share the partitions, and come and go under load: each request still has exactly one result.
///
/// A full Kafka only: it takes a group coordinator that replaces crashed members, and fencing by generation.
@Suite(.serialized, .enabled(if: TestBroker.isFullKafka, "KAFKA_BOOTSTRAP names no full Kafka"))
struct GroupTests {
  private func stage() async throws -> Stage {
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    simulation.faults.delay = .milliseconds(5)
    simulation.faults.jitter = .milliseconds(30)
    return try await Stage.make(
      partitions: 6, simulation: simulation, settings: ["QUOTA_CALLS": "0", "DEDUP_REJECTED_WINDOW": "1h"])
  }

  /// A load that goes on while workers come and go.
  private struct Load {
    var mix: RequestMix
    let stage: Stage

    mutating func send(_ count: Int) async throws {
      var messages: [(key: [UInt8], value: [UInt8])] = []
      for _ in 0..<count { messages.append(mix.next()) }
      try await stage.send(messages)
    }

    /// Waits until every request has a result.
    func answered() async throws { _ = try await stage.results(mix.produced) }

    func check(_ title: String, disturbances: Int) async throws {
      let verdict = Verdict(requests: mix.produced, results: try await stage.topics.results())
      let deadLetters = try await stage.topics.count(stage.topics.names.deadLetters)
      let calls = stage.simulator.state.callsPerOrder
      print("\(title): \(verdict) calls=\(calls.values.reduce(0, +)) orders=\(mix.orders.count)")
      #expect(verdict.missing == 0)
      #expect(verdict.repeated == 0)
      #expect(deadLetters == mix.unreadable)
      #expect(Set(calls.keys) == mix.orders)
      #expect(calls.values.allSatisfy { $0 <= 1 + disturbances })
    }
  }

  @Test(.timeLimit(.minutes(10)))
  func workersComeAndGo() async throws {
    let stage = try await stage()
    var load = Load(mix: RequestMix(seed: testSeed(), duplicates: 0.3, garbage: 0.02), stage: stage)
    let first = try stage.worker("w0")
    let second = try stage.worker("w1")
    try await load.send(1000)
    try await stage.waitForCalls(200)
    // One joins, one crashes and is not replaced, one stops gracefully, one comes back.
    let third = try stage.worker("w2")
    try await load.send(1000)
    try await stage.waitForCalls(stage.simulator.state.totalCalls + 100)
    await second.crash()
    try await load.send(1000)
    try await load.answered()
    try await load.send(1000)
    try await stage.waitForCalls(stage.simulator.state.totalCalls + 100)
    #expect(await first.stop() == 0)
    let fourth = try stage.worker("w1")
    try await load.send(1000)
    try await load.answered()
    #expect(await third.stop() == 0)
    #expect(await fourth.stop() == 0)
    try await load.check("group", disturbances: 4)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(10)))
  func aFrozenWorkerPublishesNothingWhenItWakes() async throws {
    let stage = try await stage()
    var load = Load(mix: RequestMix(seed: testSeed(), duplicates: 0.3, garbage: 0.02), stage: stage)
    let frozen = try stage.worker("w0")
    let other = try stage.worker("w1")
    try await load.send(1000)
    try await load.answered()
    try await load.send(2000)
    try await stage.waitForCalls(stage.simulator.state.totalCalls + 100)
    frozen.send(SIGSTOP)
    // The other one has it all once the frozen one's session has ended.
    try await load.answered()
    try await load.send(500)
    try await load.answered()
    frozen.send(SIGCONT)
    try await load.send(1000)
    try await load.answered()
    // It may have ended, fenced, or have joined the group again as a new member: both are well.
    let status = await frozen.stop()
    print("frozen: exit status \(status)")
    #expect(await other.stop() == 0)
    try await load.check("frozen", disturbances: 2)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(10)))
  func threeWorkersAreKilledInTurn() async throws {
    let stage = try await stage()
    var random = SeededGenerator(seed: testSeed())
    var load = Load(mix: RequestMix(seed: testSeed(), duplicates: 0.3, garbage: 0.02), stage: stage)
    var workers = try (0..<3).map { try stage.worker("w\($0)") }
    let kills = 10
    for _ in 0..<kills {
      let before = stage.simulator.state.totalCalls
      try await load.send(300)
      try await stage.waitForCalls(before + Int.random(in: 1...50, using: &random))
      let victim = Int.random(in: 0..<3, using: &random)
      await workers[victim].crash()
      workers[victim] = try stage.worker("w\(victim)")
    }
    try await load.answered()
    for worker in workers { #expect(await worker.stop() == 0) }
    try await load.check("three workers: kills=\(kills)", disturbances: kills)
    await stage.clear()
  }

  /// `KAFKA_RESTART` is a command that restarts the broker and returns when it is back.
  @Test(
    .timeLimit(.minutes(10)),
    .enabled(if: ProcessInfo.processInfo.environment["KAFKA_RESTART"] != nil, "KAFKA_RESTART names no command"))
  func theBrokerRestartsUnderLoad() async throws {
    let stage = try await stage()
    var load = Load(mix: RequestMix(seed: testSeed(), duplicates: 0.3, garbage: 0.02), stage: stage)
    var workers = [try stage.worker("w0"), try stage.worker("w1")]
    for _ in 0..<2 {
      try await load.send(1000)
      try await stage.waitForCalls(stage.simulator.state.totalCalls + 50)
      let restart = Process()
      restart.executableURL = URL(fileURLWithPath: "/bin/sh")
      restart.arguments = ["-c", ProcessInfo.processInfo.environment["KAFKA_RESTART"] ?? "false"]
      try restart.run()
      restart.waitUntilExit()
      #expect(restart.terminationStatus == 0)
      // A worker whose transaction was lost ends, and its supervisor starts it again.
      for index in workers.indices where !workers[index].isRunning {
        workers[index] = try stage.worker("w\(index)")
      }
      try await load.answered()
    }
    for worker in workers { #expect(await worker.stop() == 0) }
    try await load.check("broker restarts", disturbances: 2)
    await stage.clear()
  }
}
