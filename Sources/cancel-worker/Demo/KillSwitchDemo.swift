import CancelContract
import EToroSimulator
import Foundation
import Kafka

/// A routine backlog over 40 accounts under a tight quota; then the switch is pulled.
struct KillSwitchDemo: Sendable {
  let seed: UInt64
  let adminPort: Int?

  private let accounts = (1...40).map { AccountName("desk-\($0)") }
  private let routinePerAccount = 30
  private let killSwitchPerAccount = 30
  private let quota = 20
  private let window = Duration.seconds(2)

  /// - Returns: whether each request got exactly one result, no call was throttled and none overtaken.
  func run() async throws -> Bool {
    var simulation = SimulatorConfiguration()
    simulation.quota = quota
    simulation.window = window
    simulation.seed = seed
    simulation.faults.delay = .milliseconds(2)
    let stage = try await DemoStage.embedded(accounts: accounts, simulation: simulation, adminPort: adminPort) {
      setup in
      setup.policy.quotaCalls = quota
      setup.policy.quotaWindow = window
    }
    let tally = ResultTally(
      title: "\(accounts.count) accounts, \(quota) calls per \(window) each: "
        + "\(routinePerAccount) routine cancels per account, then a kill-switch of \(killSwitchPerAccount)")
    let total = accounts.count * (routinePerAccount + killSwitchPerAccount)
    let played: Result<Void, any Error>
    do {
      try await stage.play(total, tally) { try await pull(stage) }
      played = .success(())
    } catch {
      played = .failure(error)
    }
    try await stage.clear()
    tally.end()
    let passed = report(tally, stage, total: total)
    try played.get()
    return passed
  }

  /// Sends the backlog, waits until the worker is at it, and pulls the switch.
  private func pull(_ stage: DemoStage) async throws {
    let producer = try KafkaProducer(configuration: stage.kafka, transactionalID: nil, logger: CommandLog.quiet)
    try await producer.publish(records(stage, "routine", from: 1_000_000, routinePerAccount))
    await stage.waitForCalls(accounts.count * 15)
    if !Task.isCancelled {
      try await producer.publish(records(stage, "killSwitch", from: 2_000_000, killSwitchPerAccount))
    }
    await producer.close(timeout: .seconds(5))
  }

  private func records(_ stage: DemoStage, _ priority: String, from base: Int, _ count: Int) -> [KafkaRecord] {
    (0..<count).flatMap { number in
      accounts.enumerated().map { index, account in
        let order = base + index * 1000 + number
        let value = "{\"orderId\":\(order),\"account\":\"\(account)\",\"priority\":\"\(priority)\"}"
        return KafkaRecord(topic: stage.topics.requests, key: Array("\(account)".utf8), value: Array(value.utf8))
      }
    }
  }

  private func report(_ tally: ResultTally, _ stage: DemoStage, total: Int) -> Bool {
    let verdict = tally.verdict(requests: total)
    let results = tally.results
    let isKillSwitch = { (result: CancelResult) in (result.orderID?.value ?? 0) >= 2_000_000 }
    let pulledAt = results.filter(isKillSwitch).map(\.stages.received).min() ?? .distantPast
    let drainedAt = results.filter(isKillSwitch).map(\.stages.answered).max() ?? pulledAt
    let drain = Double((drainedAt - pulledAt).microseconds) / 1e6
    let optimum = accounts.map { earliestDrain(for: $0, results, pulledAt) }.max() ?? 0
    let inversions = accounts.map { overtaken(for: $0, results, isKillSwitch) }.reduce(0, +)
    let throttled = stage.simulator.state.statuses[429] ?? 0
    StandardOutput.write(
      String(
        format: "demo: requests=%d results=%d missing=%d repeated=%d calls=%d drain=%.2fs optimum=%.2fs ratio=%.3f "
          + "throttled=%d inversions=%d\n",
        total, verdict.results, verdict.missing, verdict.repeated, stage.simulator.state.totalCalls, drain, optimum,
        optimum > 0 ? drain / optimum : 1, throttled, inversions))
    return verdict.missing == 0 && verdict.repeated == 0 && throttled == 0 && inversions == 0
  }

  /// The earliest at which the account's last kill-switch could have been called, in seconds after the pull, given the
  /// calls that had been sent before it.
  private func earliestDrain(for account: AccountName, _ results: [CancelResult], _ pulledAt: Timestamp) -> Double {
    var sent = results.filter { $0.account == account }.compactMap(\.stages.firstSent).filter { $0 < pulledAt }.sorted()
    var last = pulledAt
    for _ in 0..<killSwitchPerAccount {
      if sent.count >= quota { last = max(last, sent[sent.count - quota] + window) }
      sent.append(last)
    }
    return Double((last - pulledAt).microseconds) / 1e6
  }

  /// Routine calls that were sent while a kill-switch of the same account waited.
  private func overtaken(
    for account: AccountName, _ results: [CancelResult], _ isKillSwitch: (CancelResult) -> Bool
  ) -> Int {
    let own = results.filter { $0.account == account }
    let switches = own.filter(isKillSwitch)
    return own.filter { routine in
      guard !isKillSwitch(routine), let sent = routine.stages.firstSent else { return false }
      return switches.contains { $0.stages.received < sent && sent < ($0.stages.firstSent ?? .distantFuture) }
    }.count
  }
}
