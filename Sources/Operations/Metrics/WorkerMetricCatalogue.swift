/// Every metric of the worker: the list that the code, the dashboard and the alerts share.
public enum WorkerMetricCatalogue {
  /// What the worker counts as it works.
  static let work: [MetricDescription] = [
    .init(
      "cancel_worker_requests_received_total", "Records taken from the request topic, unreadable ones among them.",
      kind: .counter),
    .init("cancel_worker_results_total", "Published results by outcome and environment.", kind: .counter),
    .init(
      "cancel_worker_duplicates_total", "Results without a call of their own: from memory, or sharing another's call.",
      kind: .counter),
    .init("cancel_worker_calls_total", "Calls to the API by the class of their answer.", kind: .counter),
    .init(
      "cancel_worker_result_attempts", "Calls that one result took; a 429 is none.", kind: .histogram,
      buckets: [0, 1, 2, 3, 5, 8, 13, 21, 34]),
    .init(
      "cancel_worker_request_to_call_seconds", "From a request's production to its first call.", kind: .histogram,
      unit: "seconds", buckets: MetricDescription.latencyBuckets),
    .init(
      "cancel_worker_first_call_lateness_seconds",
      "For how long an order's first call waited for something else than its key's quota, by priority.",
      kind: .histogram, unit: "seconds", buckets: MetricDescription.latencyBuckets),
    .init(
      "cancel_worker_call_duration_seconds", "From sending a call to its answer.", kind: .histogram, unit: "seconds",
      buckets: MetricDescription.latencyBuckets.filter { $0 <= 60 }),
    .init(
      "cancel_worker_call_to_result_seconds", "From the answer that settled a request to its published result.",
      kind: .histogram, unit: "seconds", buckets: MetricDescription.latencyBuckets.filter { $0 <= 60 }),
    .init(
      "cancel_worker_request_to_result_seconds", "From a request's production to its published result.",
      kind: .histogram, unit: "seconds", buckets: MetricDescription.latencyBuckets),
    .init("cancel_worker_transactions_total", "Transactions by how they ended.", kind: .counter),
    .init(
      "cancel_worker_transaction_duration_seconds", "How long committed transactions took.", kind: .histogram,
      unit: "seconds", buckets: MetricDescription.latencyBuckets.filter { $0 <= 60 }),
    .init(
      "cancel_worker_transaction_records", "Records in committed transactions.", kind: .histogram, unit: "records",
      buckets: MetricDescription.countBuckets),
    .init("cancel_worker_sweeps_total", "Sweeps that ended, by outcome.", kind: .counter),
    .init(
      "cancel_worker_confirmations_total",
      "Orders that were looked up after an accepted cancel, by what became of them.",
      kind: .counter),
    .init("cancel_worker_dead_letters_total", "Messages that went to the dead-letter topic.", kind: .counter),
    .init(
      "cancel_worker_clock_steps_total",
      "How often the system's clock was set by more than a second while the worker ran.", kind: .counter),
    .init("cancel_worker_spans_exported_total", "Spans that an OTLP collector took.", kind: .counter),
    .init(
      "cancel_worker_spans_lost_total", "Spans that were not exported, by the reason.", kind: .counter),
    .init("cancel_worker_rebalances_total", "Partitions assigned, revoked or lost, as events.", kind: .counter),
    .init(
      "cancel_worker_ledger_restore_duration_seconds", "How long the last reading of a ledger took.", kind: .gauge,
      unit: "seconds"),
  ]

  /// What the worker is at the moment of a scrape.
  static let state: [MetricDescription] = [
    .init("cancel_worker_calls_in_flight", "Calls that are sent and not answered.", kind: .gauge),
    .init("cancel_worker_pending_requests", "Requests that wait for their answer.", kind: .gauge),
    .init(
      "cancel_worker_oldest_unanswered_request_age_seconds",
      "Age of the oldest request without an answer, from its production; 0 where there is none.", kind: .gauge,
      unit: "seconds"),
    .init(
      "cancel_worker_quota_free_calls", "Calls that a user key may make now; absent where it has no limit.",
      kind: .gauge),
    .init(
      "cancel_worker_quota_next_free_call_seconds", "Time until a user key may make its next call; 0 for now.",
      kind: .gauge, unit: "seconds"),
    .init("cancel_worker_quota_exhausted_keys", "User keys that may make no call now.", kind: .gauge),
    .init(
      "cancel_worker_quota_next_call_seconds",
      "Time until a user key may make its next call of a priority; 0 for now, absent while only an answer can tell.",
      kind: .gauge, unit: "seconds"),
    .init(
      "cancel_worker_quota_blocked_keys",
      "User keys for which orders of a priority wait because the quota, or the part kept for kill-switches, is used up.",
      kind: .gauge),
    .init(
      "cancel_worker_oldest_open_request_age_seconds", "Age of the oldest open request of a priority; 0 for none.",
      kind: .gauge, unit: "seconds"),
    .init(
      "cancel_worker_unexplained_wait_seconds",
      "Longest that an open request of a priority has waited for something else than its key's quota.", kind: .gauge,
      unit: "seconds"),
    .init(
      "cancel_worker_unpublished_result_age_seconds",
      "How long the oldest answer has waited for its publication; 0 for none.", kind: .gauge, unit: "seconds"),
    .init("cancel_worker_waiting_orders", "Orders that wait for a call, by priority.", kind: .gauge),
    .init(
      "cancel_worker_kill_switch_last_call_seconds",
      "Time until the last of the kill-switches that wait can be expected to be sent; 0 where none waits.",
      kind: .gauge,
      unit: "seconds"),
    .init(
      "cancel_worker_backlog_stale",
      "1 while the figures of open requests are those of before the partitions were lost.", kind: .gauge),
    .init(
      "cancel_worker_clock_difference_seconds",
      "How far the system's clock is ahead of the worker's time, which follows it; negative where it is behind.",
      kind: .gauge, unit: "seconds"),
    .init("cancel_worker_broker_unreachable", "1 while no broker answers.", kind: .gauge),
    .init("cancel_worker_breakers", "User keys by the state of their breaker.", kind: .gauge),
    .init("cancel_worker_api_out", "1 while calls are held back because the API fails.", kind: .gauge),
    .init(
      "cancel_worker_ledger_remembered_orders", "Orders whose outcome is remembered to answer duplicates.",
      kind: .gauge),
    .init("cancel_worker_ledger_open_orders", "Orders that wait for their outcome.", kind: .gauge),
    .init(
      "cancel_worker_consumer_lag_records", "Records of an assigned partition that are not taken yet.", kind: .gauge,
      unit: "records"),
    .init("cancel_worker_holds", "Holds of operators that are in force, by what they hold.", kind: .gauge),
    .init(
      "cancel_worker_hold_age_seconds",
      "How long the oldest hold has been in force, by what it holds; 0 where none is.",
      kind: .gauge),
    .init("cancel_worker_held_orders", "Orders that wait because an operator holds them, by priority.", kind: .gauge),
    .init("cancel_worker_sweeps_running", "Sweeps that have not ended.", kind: .gauge),
    .init(
      "cancel_worker_sweep_age_seconds", "How long the oldest sweep that has not ended has run; 0 where none runs.",
      kind: .gauge, unit: "seconds"),
    .init("cancel_worker_sweep_waiting_orders", "Orders that sweeps found and that are not answered.", kind: .gauge),
    .init(
      "cancel_worker_sweep_unlisted_accounts", "Accounts of running sweeps whose last list failed.", kind: .gauge),
    .init("cancel_worker_switches_armed", "Dead-man's switches that are armed.", kind: .gauge),
    .init(
      "cancel_worker_switch_seconds", "How long until the next dead-man's switch fires; absent where none is armed.",
      kind: .gauge, unit: "seconds"),
    .init("cancel_worker_unconfirmed_orders", "Accepted cancels that are still to be confirmed.", kind: .gauge),
    .init("cancel_worker_campaigns_running", "Campaigns of which something waits.", kind: .gauge),
    .init("cancel_worker_ready", "1 while the worker is ready for requests.", kind: .gauge),
    .init("cancel_worker_build_info", "1; the label names the version.", kind: .gauge),
  ]

  /// What the system says of the process.
  static let process: [MetricDescription] = [
    .init(
      "process_cpu_seconds_total", "Processor time spent, by the user and by the system.", kind: .counter,
      unit: "seconds"),
    .init("process_resident_memory_bytes", "Memory in use.", kind: .gauge, unit: "bytes"),
    .init("process_virtual_memory_bytes", "Address space in use.", kind: .gauge, unit: "bytes"),
    .init("process_open_fds", "Open file descriptors.", kind: .gauge),
    .init("process_max_fds", "The most file descriptors that may be open.", kind: .gauge),
    .init("process_threads", "Threads.", kind: .gauge),
    .init("process_start_time_seconds", "When the process started, since 1970.", kind: .gauge, unit: "seconds"),
  ]

  /// All of them.
  public static let all = work + state + process
}

extension PrometheusRegistry {
  /// A registry that knows every metric of the worker.
  public static func forWorker() -> PrometheusRegistry {
    PrometheusRegistry(WorkerMetricCatalogue.all)
  }
}

/// What a metric means: what stands in its `HELP`, `TYPE` and `UNIT` lines, and how its values are counted.
public struct MetricDescription: Sendable {
  /// How values add up.
  public enum Kind: String, Sendable {
    /// Only grows.
    case counter
    /// Goes up and down.
    case gauge
    /// Values counted by the bucket into which they fall.
    case histogram
  }

  /// The name as Prometheus writes it, with its unit and, for a counter, `_total`.
  public var name: String
  /// One sentence for people.
  public var help: String
  /// How values add up.
  public var kind: Kind
  /// The base unit, which the name ends with (before `_total`); `nil` for plain numbers.
  public var unit: String?
  /// A histogram's upper bounds, growing, without infinity: seconds where `unit` is `seconds`, else plain numbers.
  public var buckets: [Double]

  /// A metric of that name.
  public init(
    _ name: String, _ help: String, kind: Kind, unit: String? = nil, buckets: [Double] = []
  ) {
    self.name = name
    self.help = help
    self.kind = kind
    self.unit = unit
    self.buckets = buckets
  }

  /// The name of OpenMetrics' metric family: a counter's is without `_total`.
  var openMetricsName: String {
    kind == .counter && name.hasSuffix("_total") ? String(name.dropLast("_total".count)) : name
  }
}

extension MetricDescription {
  /// From 0.5 ms, a call that stays within a machine room, to the hours that a drain of thousands of orders takes.
  public static let latencyBuckets: [Double] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 1800,
    3600, 7200, 14_400,
  ]

  /// How many records or attempts.
  public static let countBuckets: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
}
