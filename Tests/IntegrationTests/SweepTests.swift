import CancelContract
import EToroSimulator
import Foundation
import Kafka
import Synchronization
import Testing

@testable import cancel_worker

/// Sweeps end to end: a worker process, a broker, and the simulated API with its quotas and its lists.
@Suite(.serialized, .enabled(if: TestBroker.bootstrap != nil, "KAFKA_BOOTSTRAP names no broker"))
struct SweepTests {
  private static let accounts = 5

  private func stage(_ settings: [String: String] = [:], lag: Duration = .milliseconds(300)) async throws -> Stage {
    var simulation = SimulatorConfiguration()
    simulation.quota = 20
    simulation.window = .seconds(2)
    simulation.listLag = lag
    simulation.closingOrders = 2
    simulation.copiedOrders = 3
    simulation.faults.jitter = .milliseconds(20)
    let own = ["QUOTA_CALLS": "20", "QUOTA_WINDOW": "2s", "QUOTA_RESERVED_FOR_KILL_SWITCH": "0"]
    return try await Stage.make(
      accounts: Self.accounts, simulation: simulation, settings: own.merging(settings) { _, given in given })
  }

  /// Numbers that the simulator takes for orders that are there.
  private func orders(_ account: Int, _ count: Int, from first: Int = 0) -> [Int64] {
    (first..<first + count).map { Int64((account + 1) * 1_000_000 + $0 / 100 * 1000 + $0 % 100) }
  }

  @Test(.timeLimit(.minutes(5)))
  func aSweepOfFiveAccountsThroughTenCrashesAnswersEveryOrderOnceAndItselfOnce() async throws {
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    // A crashed worker's last calls are in no record: only one that waits for a window is sure of no 429.
    let stage = try await stage(["QUOTA_AFTER_TAKEOVER": "wait"])
    for account in 0..<Self.accounts {
      stage.simulator.state.addOrders(orders(account, 60), to: stage.userKey(account))
    }
    var worker = try stage.worker()
    let request = SweepRequest(cancelID: "ks-7", scope: .all(accounts: [], environment: nil))
    try await stage.send(sweep: request)
    for kill in 1...10 {
      let calls = 28 * kill + Int.random(in: 0..<10, using: &random)
      _ = try await eventually("\(calls) calls", workers: { [worker] }) {
        stage.simulator.state.totalCalls >= calls ? true : nil
      }
      await worker.crash()
      if kill == 5 {
        for account in 0..<Self.accounts {
          stage.simulator.state.addOrders(orders(account, 4, from: 60), to: stage.userKey(account))
        }
      }
      worker = try stage.worker()
    }
    let own = try await eventually("the sweep's result", workers: { [worker] }) {
      try await stage.topics.results().first { $0.cancelID == "ks-7" }
    }
    #expect(await worker.stop() == 0)
    let results = try await stage.topics.results()
    let expected = Set((0..<Self.accounts).flatMap { orders($0, 64) })
    let answered = results.filter { $0.echo.details.sweptBy == "ks-7" }
    print(
      "sweep: kills=10 listed=\(own.sweep?.counts.listed ?? -1) results=\(answered.count) "
        + "calls=\(stage.simulator.state.totalCalls) lists=\(own.sweep?.lists ?? -1) "
        + "throttled=\(stage.simulator.state.statuses[429] ?? 0)")
    #expect(own.outcome == .accepted, "\(String(describing: own.problem?.detail))")
    #expect(results.filter { $0.cancelID == "ks-7" }.count == 1)
    #expect(Set(answered.compactMap { $0.orderID?.value }) == expected)
    #expect(answered.count == expected.count)
    #expect(answered.allSatisfy { $0.echo.details.campaignID == "ks-7" && $0.source == own.source })
    #expect(own.sweep?.counts.listed == expected.count && own.sweep?.counts.remaining == 0)
    #expect(
      own.sweep?.notCancellable == NotCancellable(closingOrders: 2 * Self.accounts, copiedOrders: 3 * Self.accounts))
    #expect((0..<Self.accounts).allSatisfy { stage.simulator.state.pendingOrders(of: stage.userKey($0)) == 0 })
    #expect(stage.simulator.state.throttledReads == 0 && stage.simulator.state.statuses[429] ?? 0 == 0)
    let campaign = try #require(try await stage.topics.campaigns()["ks-7"])
    #expect(campaign.state == .done && campaign.counts.waiting == 0)
    #expect(campaign.counts.answered == expected.count + 1)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(3)))
  func theDemoKillsTheWorkerInTheMiddleAndLosesAndRepeatsNothing() async throws {
    let stage = try await stage()
    let demo = try await stage.run(
      "demo", "--scenario", "sweep", "--broker", try #require(TestBroker.bootstrap))
    #expect(demo.status == 0, "\(demo.output.suffix(2000))")
    #expect(
      demo.output.contains(
        "sweep: accounts=5 listed=500 accepted=500 remaining=0 missing=0 repeated=0 throttled=0"),
      "\(demo.output.suffix(2000))")
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(3)))
  func aSwitchThatNobodyRenewsSweepsThroughARestartAndEachCancelIsConfirmed() async throws {
    let stage = try await stage(["CONFIRM_MODE": "after", "CONFIRM_WITHIN": "30s"])
    stage.simulator.state.addOrders(orders(0, 8), to: stage.userKey(0))
    var worker = try stage.worker()
    let request = SweepRequest(cancelID: "dms", scope: .account(stage.accountName(0)), start: .after(.seconds(4)))
    try await stage.send(sweep: request)
    _ = try await eventually("the switch is armed", workers: { [worker] }) {
      try await stage.topics.results().first { $0.outcome == .acknowledged }
    }
    #expect(stage.simulator.state.totalCalls == 0)
    await worker.crash()
    worker = try stage.worker()
    let own = try await eventually("the sweep's result", workers: { [worker] }) {
      try await stage.topics.results().first { $0.cancelID == "dms/sweep" }
    }
    #expect(own.outcome == .accepted && own.sweep?.counts.accepted == 8)
    guard case .fired? = own.sweep?.deadMansSwitch else {
      Issue.record("the result does not say that the switch fired")
      return
    }
    let confirmations = try await eventually("the confirmations", workers: { [worker] }) {
      let events = try await stage.topics.confirmations()
      return events.count >= 8 ? events : nil
    }
    #expect(Set(confirmations.map(\.orderID)).count == 8 && confirmations.count == 8)
    #expect(confirmations.allSatisfy { $0.verdict == .cancelled && $0.status?.name == "Canceled" })
    #expect(await worker.stop() == 0)
    await stage.clear()
  }
}
