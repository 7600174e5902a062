import CancelContract
import EToroSimulator
import Foundation
import Kafka
import Operations
import Synchronization

/// Five accounts with pending orders are swept by one request, under a tight quota, while more orders appear.
struct SweepDemo {
  let seed: UInt64
  let adminPort: Int?

  private static let accounts = (1...5).map { AccountName("desk-\($0)") }
  private static let ordersPerAccount = 90
  private static let laterOrdersPerAccount = 10
  private static let quota = 20
  private static let window = Duration.seconds(2)
  private static let cancelID = "demo-sweep"

  /// Plays it.
  ///
  /// - Returns: whether every order was cancelled and answered once, and the sweep once.
  func run() async throws -> Bool {
    var simulation = SimulatorConfiguration()
    simulation.quota = Self.quota
    simulation.window = Self.window
    simulation.seed = seed
    simulation.faults.delay = .milliseconds(2)
    simulation.listLag = .milliseconds(100)
    simulation.closingOrders = 1
    let stage = try await DemoStage(accounts: Self.accounts, simulation: simulation, adminPort: adminPort) { setup in
      setup.policy.quotaCalls = Self.quota
      setup.policy.quotaWindow = Self.window
      setup.policy.reservedForKillSwitch = 0
    }
    for index in Self.accounts.indices { add(orders(index, 0..<Self.ordersPerAccount), index, stage) }
    let tally = ResultTally(
      title:
        "\(Self.accounts.count) accounts with \(Self.ordersPerAccount) pending orders each, \(Self.quota) calls per "
        + "\(Self.window): one request cancels them all")
    let own = Mutex<CancelResult?>(nil)
    let played: Result<Void, any Error>
    do {
      try await stage.play(
        until: { messages in
          _ = tally.take(messages)
          let result = messages.lazy.compactMap { try? ResultDecoder().decode($0).result }.first { $0.sweep != nil }
          if let result { own.withLock { $0 = result } }
          return result != nil
        }, load: { try await pull(stage) })
      played = .success(())
    } catch {
      played = .failure(error)
    }
    try await stage.clear()
    tally.end()
    let passed = report(own.withLock { $0 }, tally.results, stage)
    try played.get()
    return passed
  }

  private func pull(_ stage: DemoStage) async throws {
    let producer = try KafkaProducer(configuration: stage.kafka, transactionalID: nil, logger: CommandLog.quiet)
    let request = SweepRequest(cancelID: Self.cancelID, scope: .all(accounts: [], environment: nil))
    let record = RequestEncoder(.plain).encode(request, at: Timestamp(microseconds: 0))
    try await producer.publish([KafkaRecord(topic: stage.topics.requests, key: record.key, value: record.value)])
    await producer.close(timeout: .seconds(5))
    await stage.waitForCalls(Self.accounts.count * Self.ordersPerAccount / 2)
    guard !Task.isCancelled else { return }
    let later = Self.ordersPerAccount..<Self.ordersPerAccount + Self.laterOrdersPerAccount
    for index in Self.accounts.indices { add(orders(index, later), index, stage) }
  }

  private func add(_ orders: [Int64], _ account: Int, _ stage: DemoStage) {
    stage.simulator.state.addOrders(orders, to: "demo-user-key-\(Self.accounts[account])")
  }

  private func orders(_ account: Int, _ numbers: Range<Int>) -> [Int64] {
    numbers.map { Int64((account + 1) * 1_000_000 + $0) }
  }

  private func report(_ own: CancelResult?, _ results: [CancelResult], _ stage: DemoStage) -> Bool {
    let total = Self.accounts.count * (Self.ordersPerAccount + Self.laterOrdersPerAccount)
    let orders = results.filter { $0.orderID != nil }
    let distinct = Set(orders.compactMap(\.orderID)).count
    let (missing, repeated) = (total - distinct, orders.count - distinct)
    let throttled = (stage.simulator.state.statuses[429] ?? 0) + stage.simulator.state.throttledReads
    let remaining = own?.sweep?.counts.remaining ?? total
    let began = own?.stages.received ?? .distantPast
    let drain = orders.compactMap(\.stages.firstSent).max().map { Double(($0 - began).microseconds) / 1e6 } ?? 0
    for account in Self.accounts { let t = orders.filter { $0.account == account }.compactMap(\.stages.firstSent).map { ($0 - began).microseconds / 1000 }.sorted(); print(account, t) }
    // So many windows must end before the last call of a key may go.
    let windows = (Self.ordersPerAccount + Self.laterOrdersPerAccount - 1) / Self.quota
    let optimum = Double(windows) * Double(Self.window.components.seconds)
    StandardOutput.write(
      String(
        format: "sweep: accounts=%d listed=%d accepted=%d remaining=%d missing=%d repeated=%d throttled=%d drain=%.2fs "
          + "optimum=%.2fs ratio=%.3f\n",
        Self.accounts.count, own?.sweep?.counts.listed ?? 0, own?.sweep?.counts.accepted ?? 0, remaining, missing,
        repeated,
        throttled, drain, optimum, drain / optimum))
    return own?.outcome == .accepted && remaining == 0 && missing == 0 && repeated == 0 && throttled == 0
  }
}
