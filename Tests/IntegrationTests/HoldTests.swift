import CancelContract
import EToroSimulator
import Foundation
import Kafka
import Testing

/// Holds end to end: the commands, the control topic, a worker that is killed.
@Suite(.serialized, .enabled(if: TestBroker.bootstrap != nil, "KAFKA_BOOTSTRAP names no broker"))
struct HoldTests {
  @Test(.timeLimit(.minutes(3)))
  func aHoldIsObeyedAndRememberedThroughAKillAndEndsWithResume() async throws {
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    let stage = try await Stage.make(
      accounts: 2, simulation: simulation, settings: ["QUOTA_CALLS": "0", "QUOTA_RESERVED_FOR_KILL_SWITCH": "0"])
    var worker = try stage.worker()
    try await stage.waitForLog("ledgers read")
    let held = try await stage.run("hold", "--account", "a0", "--actor", "ops-2", "--reason", "checking")
    #expect(held.status == 0 && held.output.contains("held: routine cancels of a0"), "\(held.output)")
    try await stage.waitForLog("routine cancels are held by an operator")
    await worker.crash()
    worker = try stage.worker()

    try await stage.send([(0, 101, "routine"), (1, 102, "routine"), (0, 103, "killSwitch")])
    let first = try await stage.results(2)
    #expect(Set(first.compactMap(\.orderID?.value)) == [102, 103], "the account's routine request is held")
    let list = try await stage.run("hold", "--list")
    #expect(list.output.contains("held: routine cancels of a0") && list.output.contains("by ops-2 (checking)"))

    let resumed = try await stage.run("resume", "--account", "a0")
    #expect(resumed.status == 0, "\(resumed.output)")
    let all = try await stage.results(3)
    #expect(all.allSatisfy { $0.outcome == .accepted } && all.count == 3)
    #expect(try await stage.run("hold", "--list").output.contains("nothing is held"))
    #expect(await worker.stop() == 0)
    await stage.clear()
  }

  /// Who has which partitions, and what has no committed answer, as the broker tells it.
  @Test(.timeLimit(.minutes(3)))
  func statusTellsOwnersAndLagFromTheBroker() async throws {
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    let stage = try await Stage.make(simulation: simulation, settings: ["QUOTA_CALLS": "0"])
    try await stage.send([(0, 101, "routine"), (0, 102, "routine")])
    let before = try await stage.run("status")
    #expect(before.output.contains("requests without a committed answer: 2"), "\(before.output)")
    let worker = try stage.worker()
    _ = try await stage.results(2)
    let after = try await eventually("the position is committed", within: .seconds(30)) {
      let status = try await stage.run("status")
      return status.output.contains("requests without a committed answer: 0") ? status.output : nil
    }
    #expect(after.contains("member cancel-worker-\(stage.topics.group)-w0"), "\(after)")
    if TestBroker.isFullKafka { #expect(after.contains(": partitions 0-3"), "\(after)") }
    #expect(await worker.stop() == 0)
    await stage.clear()
  }
}
