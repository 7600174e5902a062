import CancelContract
import Foundation
import Kafka
import Testing

@testable import EToroSimulator

/// The worker against an API with a quota of 20 calls in any 2 seconds per user key.
@Suite(.serialized, .enabled(if: TestBroker.bootstrap != nil, "KAFKA_BOOTSTRAP names no broker"))
struct QuotaTests {
  private static let quota = 20
  private static let window = Duration.seconds(2)

  private func stage(accounts: Int, reserve: Int, settings: [String: String] = [:]) async throws -> Stage {
    var simulation = SimulatorConfiguration()
    simulation.quota = QuotaTests.quota
    simulation.window = QuotaTests.window
    let own = [
      "QUOTA_CALLS": "\(QuotaTests.quota)", "QUOTA_WINDOW": "2s", "QUOTA_RESERVED_FOR_KILL_SWITCH": "\(reserve)",
      "PROGRESS_AFTER": "1s",
    ]
    return try await Stage.make(
      accounts: accounts, simulation: simulation, settings: own.merging(settings) { _, given in given })
  }

  /// The numbers of one series; those that the simulator takes for unknown or filled are left out.
  private func order(_ series: Int, _ number: Int) -> Int { series * 1_000_000 + number / 100 * 1000 + number % 100 }

  @Test(.timeLimit(.minutes(3)))
  func oneAccountDrainsWithoutA429AndItsWaitsAreTold() async throws {
    let stage = try await stage(accounts: 1, reserve: 0)
    let worker = try stage.worker()
    try await stage.send((0..<200).map { (0, order(1, $0), "routine") })
    let results = try await stage.results(200)
    let calls = stage.simulator.state.calls
    let drain = (calls.last?.arrivedAt ?? .now) - (calls.first?.arrivedAt ?? .now)
    print("quota: calls=\(calls.count) drain=\(drain) optimum=\(QuotaTests.window * 9)")
    #expect(results.allSatisfy { $0.outcome == .accepted })
    #expect(stage.simulator.state.statuses == [200: 200])
    #expect(try await stage.topics.count(stage.topics.names.progress) > 0)
    #expect(await worker.stop() == 0)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(3)))
  func aMissingProgressTopicIsToldOnceAndHarmsNothing() async throws {
    let stage = try await stage(accounts: 1, reserve: 0, settings: ["TOPICS_PROGRESS": "missing-\(UUID().uuidString)"])
    let worker = try stage.worker()
    try await stage.send((0..<70).map { (0, order(1, $0), "routine") })
    let results = try await stage.results(70)
    #expect(await worker.stop() == 0)
    let told = try String(contentsOf: stage.log(), encoding: .utf8).split(separator: "\n").filter {
      $0.contains("does not exist: no progress events are published until it does")
    }
    #expect(told.count == 1, "\(told)")
    #expect(results.count == 70 && results.allSatisfy { $0.outcome == .accepted })
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(3)))
  func killSwitchesBehindABacklogGoFirst() async throws {
    let stage = try await stage(accounts: 1, reserve: 5)
    let worker = try stage.worker()
    try await stage.send((0..<500).map { (0, order(1, $0), "routine") })
    try await stage.waitForCalls(15)
    try await stage.send((0..<50).map { (0, order(2, $0), "killSwitch") })
    let results = try await stage.results(550)
    let switches = results.filter { ($0.orderID?.value ?? 0) >= 2_000_000 }
    let overtaken = results.filter { routine in
      guard (routine.orderID?.value ?? 0) < 2_000_000, let sent = routine.stages.firstSent else { return false }
      return switches.contains { $0.stages.received < sent && sent < ($0.stages.firstSent ?? .distantFuture) }
    }
    #expect(overtaken.isEmpty)
    #expect(stage.simulator.state.statuses == [200: 550])
    #expect(await worker.stop() == 0)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(3)))
  func manyAccountsDrainSideBySide() async throws {
    let stage = try await stage(accounts: 300, reserve: 0)
    let worker = try stage.worker()
    try await stage.send(
      (0..<6000).map { number in
        let account = number % 300
        return (account, 1_000_000 + number / 300 + 1000 * account, "routine")
      })
    let results = try await stage.results(6000)
    let calls = stage.simulator.state.calls
    let span = (calls.last?.arrivedAt ?? .now) - (calls.first?.arrivedAt ?? .now)
    print("quota: accounts=300 calls=\(calls.count) span=\(span)")
    #expect(Set(results.map(\.source)).count == 6000)
    #expect(stage.simulator.state.statuses == [200: 6000])
    #expect(await worker.stop() == 0)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(3)))
  func aRestartInMidWindowCausesNo429() async throws {
    let stage = try await stage(accounts: 1, reserve: 0)
    var worker = try stage.worker()
    try await stage.send((0..<60).map { (0, order(1, $0), "routine") })
    // The crash comes when the first burst's results are published: its calls are in the ledger.
    _ = try await stage.results(20)
    await worker.crash()
    worker = try stage.worker()
    let results = try await stage.results(60)
    #expect(Set(results.map(\.source)).count == 60)
    #expect(results.count == 60)
    #expect(stage.simulator.state.statuses[429] ?? 0 == 0)
    #expect(await worker.stop() == 0)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(3)))
  func anotherUserOfTheKeyCostsFew429s() async throws {
    let stage = try await stage(accounts: 1, reserve: 0)
    let worker = try stage.worker()
    let foreign = Task {
      while !Task.isCancelled {
        _ = stage.simulator.state.answer(
          IncomingCall(
            order: 77, environment: "demo", requestID: UUID().uuidString, apiKey: "test-api-key", userKey: "user-key-0")
        )
        // The other program's own pace: ten calls a window.
        try? await Task.sleep(for: .milliseconds(200))
      }
    }
    try await stage.send((0..<50).map { (0, order(1, $0), "routine") })
    let results = try await stage.results(50)
    foreign.cancel()
    let calls = stage.simulator.state.calls
    let windows = Int(((calls.last?.arrivedAt ?? .now) - (calls.first?.arrivedAt ?? .now)) / QuotaTests.window) + 1
    let throttled = calls.filter { $0.status == 429 && $0.order != 77 }.count
    print("quota: foreign use windows=\(windows) throttled=\(throttled)")
    #expect(Set(results.map(\.source)).count == 50)
    #expect(throttled <= windows)
    #expect(await worker.stop() == 0)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(3)))
  func twoWorkersThatShareAKeyKeepEachOtherHonest() async throws {
    let stage = try await stage(accounts: 1, reserve: 0)
    // Another group with topics of its own: neither worker knows of the other.
    let other = try await self.stage(accounts: 1, reserve: 0, settings: ["API_BASE_URL": stage.apiURL])
    let workers = [try stage.worker(), try other.worker()]
    try await stage.send((0..<60).map { (0, order(1, $0), "routine") })
    try await other.send((0..<60).map { (0, order(2, $0), "routine") })
    let results = try await stage.results(60) + other.results(60)
    let calls = stage.simulator.state.calls
    let span = (calls.last?.arrivedAt ?? .now) - (calls.first?.arrivedAt ?? .now)
    var throttled: [Int: Int] = [:]
    for call in calls where call.status == 429 {
      throttled[Int((call.arrivedAt - calls[0].arrivedAt) / QuotaTests.window), default: 0] += 1
    }
    print("quota: two workers on one key throttled=\(throttled) drain=\(span) optimum=10 seconds")
    #expect(results.allSatisfy { $0.outcome == .accepted && $0.attempts == 1 })
    #expect(results.count == 120)
    // In one window they meet: not always the first, for one of them may start later. From then on each knows that it
    // is not alone.
    #expect(throttled.values.sorted().dropLast().allSatisfy { $0 <= 2 })
    for worker in workers { #expect(await worker.stop() == 0) }
    await stage.clear()
    await other.clear()
  }
}
