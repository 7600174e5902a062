import Foundation

/// What can be measured.
enum BenchPart: String, CaseIterable {
  case floors, throughput, latency, allocations, idle, restore
  case killSwitch = "kill-switch"
  case partitions, accounts, ledgers
}

/// The measurements; each adds its figures to the report.
struct Bench {
  let bootstrap: String
  let ownBinary: URL
  let worker: URL
  /// What loads are divided by.
  let scale: Int

  static let guarantees = ["exactlyOnce", "atLeastOnce"]

  func measure(_ part: BenchPart, into report: inout Report) async throws {
    switch part {
    case .floors: try await floors(into: &report)
    case .throughput: try await throughput(into: &report)
    case .latency: try await latency(into: &report)
    case .allocations: try await allocations(into: &report)
    case .idle: try await idle(into: &report)
    case .restore: try await restore([1_000_000 / scale], into: &report)
    case .killSwitch: try await killSwitch(into: &report)
    case .partitions: try await partitions(into: &report)
    case .accounts: try await accounts(into: &report)
    case .ledgers: try await restore([10_000, 100_000].map { $0 / scale }, into: &report)
    }
  }

  func stage(partitions: Int = 4, delay: Duration = .zero, notesArrivals: Bool = false) async throws -> BenchStage {
    try await BenchStage(
      bootstrap: bootstrap, worker: worker, partitions: partitions, delay: delay, notesArrivals: notesArrivals)
  }
}
