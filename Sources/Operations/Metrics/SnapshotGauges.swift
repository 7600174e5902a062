import CancelContract
import CancelService
import CoreMetrics
import Synchronization

/// Gauges that are set from a snapshot of the worker when they are read.
public final class SnapshotGauges: Sendable {
  private let factory: any MetricsFactory
  private let accountLabels: Bool
  private let maxKeys: Int
  private let meters: Mutex<[Identity: Meter]> = Mutex([:])

  private struct Identity: Hashable {
    var name: String
    var labels: [String]
  }

  /// - Parameters:
  ///   - accountLabels: whether a user key's series also name its accounts; off by default, for names are the operator's.
  ///   - maxKeys: the most user keys with series of their own, the neediest first.
  public init(factory: any MetricsFactory, accountLabels: Bool = false, maxKeys: Int = 50) {
    self.factory = factory
    self.accountLabels = accountLabels
    self.maxKeys = maxKeys
  }

  /// Sets every gauge; those of keys and partitions that are gone are taken away.
  public func set(from snapshot: WorkerSnapshot) {
    meters.withLock { meters in
      var seen: Set<Identity> = []
      for gauge in values(of: snapshot) {
        let identity = Identity(name: gauge.name, labels: gauge.labels.flatMap { [$0.0, $0.1] })
        seen.insert(identity)
        let meter = meters[identity] ?? Meter(label: gauge.name, dimensions: gauge.labels, factory: factory)
        meters[identity] = meter
        meter.set(gauge.value)
      }
      for (identity, meter) in meters where !seen.contains(identity) {
        meter.destroy()
        meters[identity] = nil
      }
    }
  }

  private struct Value {
    var name: String
    var labels: [(String, String)]
    var value: Double

    init(_ name: String, _ value: Double, _ labels: [(String, String)] = []) {
      self.name = "cancel_worker_\(name)"
      self.labels = labels
      self.value = value
    }
  }

  private func rounds(of snapshot: WorkerSnapshot) -> [Value] {
    let rounds = snapshot.rounds
    var values = [
      Value("sweeps_running", Double(rounds.sweeps.count)),
      Value(
        "sweep_age_seconds", rounds.sweeps.map { (snapshot.takenAt - $0.since).seconds }.max() ?? 0),
      Value("sweep_waiting_orders", Double(rounds.sweeps.reduce(0) { $0 + $1.waiting })),
      Value("sweep_unlisted_accounts", Double(rounds.sweeps.reduce(0) { $0 + $1.unlisted })),
      Value("switches_armed", Double(rounds.switches.count)),
      Value("unconfirmed_orders", Double(rounds.unconfirmed)),
      Value("campaigns_running", Double(rounds.runningCampaigns)),
    ]
    if let next = rounds.switches.first {
      values.append(Value("switch_seconds", (next.due - snapshot.takenAt).seconds))
    }
    return values
  }

  private func values(of snapshot: WorkerSnapshot) -> [Value] {
    let keys = snapshot.keys
    var values = [
      Value("calls_in_flight", Double(snapshot.callsInFlight)),
      Value("quota_exhausted_keys", Double(keys.count { $0.isExhausted(at: snapshot.takenAt) })),
      Value("api_out", snapshot.apiOutSince == nil ? 0 : 1),
      Value("ledger_remembered_orders", Double(snapshot.rememberedOrders)),
      Value("ready", snapshot.isReady ? 1 : 0),
      Value("backlog_stale", snapshot.isBacklogStale ? 1 : 0),
      Value("clock_difference_seconds", Double(snapshot.clockDifference.microseconds) / 1e6),
      Value("broker_unreachable", snapshot.brokerUnreachableSince == nil ? 0 : 1),
      Value("kill_switch_last_call_seconds", snapshot.killSwitchesSentIn?.seconds ?? 0),
      Value("build_info", 1, [("version", snapshot.version)]),
    ]
    values += rounds(of: snapshot)
    for extent in [HoldEvent.Extent.routine, .all] {
      let holds = snapshot.holds.all.filter { $0.extent == extent }
      let labels = [("extent", extent.rawValue)]
      values.append(Value("holds", Double(holds.count), labels))
      let longest = holds.map(\.at).min().map { max(snapshot.takenAt - $0, .zero).seconds } ?? 0
      values.append(Value("hold_age_seconds", longest, labels))
    }
    // What can't be known has no series: a 0 would say that nothing waits.
    if snapshot.backlog != .unknown {
      values.append(Value("ledger_open_orders", Double(snapshot.openOrders)))
      values.append(Value("oldest_unanswered_request_age_seconds", snapshot.oldestUnansweredAge.seconds))
      let unpublished = snapshot.unpublishedSince.map { max(snapshot.takenAt - $0, .zero).seconds }
      values.append(Value("unpublished_result_age_seconds", unpublished ?? 0))
    }
    for priority in Priority.allCases {
      let label = [("priority", priority.name)]
      values.append(Value("quota_blocked_keys", Double(keys.count { $0.isBlocked(priority) }), label))
      guard snapshot.backlog != .unknown else { continue }
      values.append(Value("pending_requests", Double(snapshot.pending[priority] ?? 0), label))
      values.append(Value("held_orders", Double(snapshot.held[priority] ?? 0), label))
      values.append(Value("waiting_orders", Double(snapshot.waitingOrders(priority)), label))
      values.append(
        Value("oldest_open_request_age_seconds", snapshot.oldestOpenAge(priority)?.seconds ?? 0, label))
      values.append(Value("unexplained_wait_seconds", snapshot.unexplainedWait[priority]?.seconds ?? 0, label))
    }
    for breaker in KeySnapshot.Breaker.allCases {
      values.append(
        Value("breakers", Double(keys.count { $0.breaker == breaker }), [("state", breaker.rawValue)]))
    }
    for (partition, lag) in snapshot.lag {
      values.append(Value("consumer_lag_records", Double(lag), [("partition", String(partition))]))
    }
    for key in snapshot.neediestKeys.prefix(maxKeys) {
      var labels = [("key", key.digest)]
      if accountLabels {
        let names = key.accounts.map(\.description).sorted().joined(separator: ",")
        labels.append(("account", String(names.prefix(128))))
      }
      if let free = key.freeCalls { values.append(Value("quota_free_calls", Double(free), labels)) }
      values.append(
        Value("quota_next_free_call_seconds", key.wait(at: snapshot.takenAt).seconds, labels))
      for priority in Priority.allCases {
        guard let wait = key.wait(priority, at: snapshot.takenAt) else { continue }
        values.append(Value("quota_next_call_seconds", wait.seconds, labels + [("priority", priority.name)]))
      }
    }
    return values
  }
}

extension Duration {
  /// This duration in seconds, not below zero.
  fileprivate var seconds: Double { max(0, Double(microseconds) / 1e6) }
}
