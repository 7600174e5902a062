import CancelContract

/// A part of Kafka that one broker plays at a time, and that is away for a while when that broker restarts. What it
/// holds is kept; only whoever needs it has to wait.
enum BrokerRole: Hashable, CaseIterable {
  /// Takes the group's heartbeats, joins and offsets.
  case groupCoordinator
  /// Begins, ends and marks transactions.
  case transactionCoordinator
  /// Leads the partitions of the results.
  case resultsLeader
  /// Leads the partitions of the ledger.
  case ledgerLeader
  /// Leads the partitions of the requests.
  case requestsLeader
}

/// Which roles are away, and until when.
struct BrokerRoles {
  private var backAt: [BrokerRole: Timestamp] = [:]

  mutating func restart(_ role: BrokerRole, until time: Timestamp) { backAt[role] = time }

  mutating func allComeBack() { backAt = [:] }

  /// How long whoever needs these roles has to wait.
  func wait(for roles: BrokerRole..., at now: Timestamp) -> Duration {
    roles.reduce(.zero) { max($0, (backAt[$1] ?? now) - now) }
  }
}
