import CancelContract

@testable import CancelCore

/// One worker process: its engine, and what a shell keeps beside it.
struct WorkerModel {
  /// A batch under way.
  struct Commit {
    var batch: CommitBatch
    var number: Int
    /// Whether Kafka will refuse it, for a partition of it has another owner.
    var isFenced = false
    /// How it was decided; `nil` before that.
    var isApplied: Bool?
    var tags: [OrderTag]
  }

  var engine: CancelEngine?
  /// Tells what was planned for this process from what was for an earlier one.
  var life = 0
  var commit: Commit?
  /// The next request to read.
  var next: [Int32: Int64] = [:]
  var parked: [Int32: (state: ParkedPartition, from: Int)] = [:]
  var plannedWake: Timestamp?
}
