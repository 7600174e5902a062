import CancelContract
import EToroSimulator
import Foundation
import Kafka
import Operations
import Synchronization

/// Five accounts with pending orders are swept by one request, under a tight quota, while more orders appear. With a
/// broker of its own the worker is a process, which is killed in the middle and started again.
struct SweepDemo {
  let seed: UInt64
  let adminPort: Int?
  /// The address of a broker to play on; `nil` for the embedded one, which keeps no position through a crash.
  let broker: String?

  private static let accounts = (1...5).map { AccountName("desk-\($0)") }
  private static let ordersPerAccount = 90
  private static let laterOrdersPerAccount = 10
  private static let quota = 20
  private static let window = Duration.seconds(6)
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
    guard let broker else {
      let stage = try await DemoStage.embedded(
        accounts: Self.accounts, simulation: simulation, adminPort: adminPort
      ) { setup in
        setup.policy.quotaCalls = Self.quota
        setup.policy.quotaWindow = Self.window
        setup.policy.reservedForKillSwitch = 0
      }
      return try await play(stage) {}
    }
    let set = try await DemoProcessStage(
      broker: broker, accounts: Self.accounts, simulation: simulation,
      settings: [
        "QUOTA_CALLS": "\(Self.quota)", "QUOTA_WINDOW": "\(Self.window.components.seconds)s",
        "QUOTA_RESERVED_FOR_KILL_SWITCH": "0", "ADMIN_PORT": "\(adminPort ?? 0)",
      ])
    let outcome: Result<Bool, any Error>
    do { outcome = .success(try await play(set.stage) { try await set.worker.crash() }) } catch {
      outcome = .failure(error)
    }
    await set.clear()
    return try outcome.get()
  }

  /// - Parameter crash: what happens in the middle, when the results of two windows are published.
  private func play(_ stage: DemoStage, crash: @escaping @Sendable () async throws -> Void) async throws -> Bool {
    for index in Self.accounts.indices { add(orders(index, 0..<Self.ordersPerAccount), index, stage) }
    let tally = ResultTally(
      title:
        "\(Self.accounts.count) accounts with \(Self.ordersPerAccount) pending orders each, \(Self.quota) calls per "
        + "\(Self.window): one request cancels them all")
    let own = Mutex<CancelResult?>(nil)
    let isInTheMiddle = Completion()
    let played: Result<Void, any Error>
    do {
      try await stage.play(
        until: { messages in
          _ = tally.take(messages)
          if tally.results.count >= Self.accounts.count * Self.quota * 2 { isInTheMiddle.fulfil() }
          let result = messages.lazy.compactMap { try? ResultDecoder().decode($0).result }.first { $0.sweep != nil }
          if let result { own.withLock { $0 = result } }
          return result != nil
        },
        load: {
          try await pull(stage)
          guard await isInTheMiddle.wait() else { return }
          try await crash()
          let later = Self.ordersPerAccount..<Self.ordersPerAccount + Self.laterOrdersPerAccount
          for index in Self.accounts.indices { add(orders(index, later), index, stage) }
        })
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
  }

  private func add(_ orders: [Int64], _ account: Int, _ stage: DemoStage) {
    stage.simulator.state.addOrders(orders, to: DemoStage.userKey(of: Self.accounts[account]))
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
