import CancelAPI
import CancelContract
import CancelCore
import CancelService
import Testing

@testable import Operations

@Suite struct SnapshotGaugesTests {
  private let registry = PrometheusRegistry.forWorker()

  @Test func theWholeWorker() {
    var snapshot = Sample.snapshot()
    snapshot.callsInFlight = 4
    snapshot.pending = [.routine: 7, .killSwitch: 2]
    snapshot.oldestUnanswered = Sample.start + .seconds(60)
    snapshot.lag = [0: 12, 3: 0]
    snapshot.apiOutSince = Sample.start
    snapshot.openOrders = 9
    snapshot.rememberedOrders = 100
    SnapshotGauges(factory: registry).set(from: snapshot)
    #expect(registry.sample("cancel_worker_calls_in_flight") == 4)
    #expect(registry.sample("cancel_worker_pending_requests{priority=\"routine\"}") == 7)
    #expect(registry.sample("cancel_worker_pending_requests{priority=\"killSwitch\"}") == 2)
    #expect(registry.sample("cancel_worker_oldest_unanswered_request_age_seconds") == 30)
    #expect(registry.sample("cancel_worker_consumer_lag_records{partition=\"0\"}") == 12)
    #expect(registry.sample("cancel_worker_consumer_lag_records{partition=\"3\"}") == 0)
    #expect(registry.sample("cancel_worker_api_out") == 1)
    #expect(registry.sample("cancel_worker_ledger_open_orders") == 9)
    #expect(registry.sample("cancel_worker_ledger_remembered_orders") == 100)
    #expect(registry.sample("cancel_worker_ready") == 1)
    #expect(registry.sample("cancel_worker_build_info{version=\"1.2.3\"}") == 1)
  }

  @Test func keysComeAndGo() {
    let gauges = SnapshotGauges(factory: registry)
    var snapshot = Sample.snapshot()
    var spent = Sample.key("aaaa0000", free: 0)
    spent.nextFreeAt = snapshot.takenAt + .milliseconds(2500)
    var refused = Sample.key("bbbb0000")
    refused.breaker = .open
    snapshot.keys = [spent, refused, Sample.key("cccc0000")]
    gauges.set(from: snapshot)
    #expect(registry.sample("cancel_worker_quota_free_calls{key=\"aaaa0000\"}") == 0)
    #expect(registry.sample("cancel_worker_quota_next_free_call_seconds{key=\"aaaa0000\"}") == 2.5)
    #expect(registry.sample("cancel_worker_quota_free_calls{key=\"cccc0000\"}") == 20)
    #expect(registry.sample("cancel_worker_quota_exhausted_keys") == 1)
    #expect(registry.sample("cancel_worker_breakers{state=\"open\"}") == 1)
    #expect(registry.sample("cancel_worker_breakers{state=\"closed\"}") == 2)
    #expect(registry.sample("cancel_worker_breakers{state=\"probing\"}") == 0)

    snapshot.keys = [Sample.key("cccc0000", free: 19)]
    snapshot.lag = [:]
    gauges.set(from: snapshot)
    #expect(registry.sample("cancel_worker_quota_free_calls{key=\"aaaa0000\"}") == nil)
    #expect(registry.sample("cancel_worker_quota_free_calls{key=\"cccc0000\"}") == 19)
  }

  @Test func whatHoldsEachPriorityBack() {
    var snapshot = Sample.snapshot()
    var key = Sample.key("aaaa0000", free: 5, waiting: 45)
    key.waitingByPriority = [.routine: 45]
    key.heldPriorities = [.routine]
    key.nextCallAt = [.routine: snapshot.takenAt + .seconds(12)]
    var urgent = Sample.key("bbbb0000", free: 0, waiting: 30)
    urgent.waitingByPriority = [.killSwitch: 30]
    urgent.heldPriorities = [.routine, .killSwitch]
    urgent.killSwitchesSentAt = snapshot.takenAt + .seconds(115)
    snapshot.keys = [key, urgent]
    snapshot.oldestOpen = [.routine: Sample.start]
    snapshot.unexplainedWait = [.killSwitch: .seconds(4)]
    SnapshotGauges(factory: registry).set(from: snapshot)
    for (series, value) in [
      ("quota_blocked_keys{priority=\"routine\"}", 1.0), ("quota_blocked_keys{priority=\"killSwitch\"}", 1),
      ("waiting_orders{priority=\"routine\"}", 45), ("waiting_orders{priority=\"killSwitch\"}", 30),
      ("quota_next_call_seconds{key=\"aaaa0000\",priority=\"routine\"}", 12),
      ("quota_next_call_seconds{key=\"aaaa0000\",priority=\"killSwitch\"}", 0),
      ("oldest_open_request_age_seconds{priority=\"routine\"}", 90),
      ("unexplained_wait_seconds{priority=\"killSwitch\"}", 4), ("kill_switch_last_call_seconds", 115),
    ] { #expect(registry.sample("cancel_worker_\(series)") == value, "\(series)") }
    #expect(registry.sample("cancel_worker_quota_next_call_seconds{key=\"bbbb0000\",priority=\"routine\"}") == nil)
  }

  @Test func whatIsLostIsToldAsItWasAndGrowsOlder() {
    var snapshot = Sample.snapshot(.unassigned)
    var open = EngineGauges()
    open.pending = [.routine: 0, .killSwitch: 21]
    open.oldestProducedAt = Sample.start
    open.oldestOpen = [.killSwitch: Sample.start]
    open.unexplainedWait = [.killSwitch: .seconds(3), .routine: .zero]
    snapshot.setBacklog(open, .lastKnown(at: Sample.start + .seconds(50)))
    snapshot.brokerUnreachableSince = Sample.start + .seconds(35)
    SnapshotGauges(factory: registry).set(from: snapshot)
    #expect(registry.sample("cancel_worker_pending_requests{priority=\"killSwitch\"}") == 21)
    #expect(registry.sample("cancel_worker_oldest_unanswered_request_age_seconds") == 90)
    #expect(registry.sample("cancel_worker_unexplained_wait_seconds{priority=\"killSwitch\"}") == 43)
    #expect(registry.sample("cancel_worker_unexplained_wait_seconds{priority=\"routine\"}") == 0)
    #expect(registry.sample("cancel_worker_backlog_stale") == 1)
    #expect(registry.sample("cancel_worker_broker_unreachable") == 1)
    let status = String(decoding: StatusDocument(snapshot, totals: .init(), maxKeys: 10).json, as: UTF8.self)
    for part in [
      #""backlog":"lastKnown""#, #""backlogAgeSeconds":40"#, #""brokerUnreachableForSeconds":55"#, #""killSwitch":21"#,
      #""state":"unassigned""#,
    ] { #expect(status.contains(part), "\(part) is not in \(status)") }
  }

  @Test func theClocksDifferenceHasASign() {
    var snapshot = Sample.snapshot()
    snapshot.clockDifference = .milliseconds(-900_500)
    SnapshotGauges(factory: registry).set(from: snapshot)
    #expect(registry.sample("cancel_worker_clock_difference_seconds") == -900.5)
    WorkerMetrics(factory: registry, environments: AccountEnvironments(Accounts([]))).changed(
      .clockStepped(by: .seconds(-900)))
    #expect(registry.sample("cancel_worker_clock_steps_total") == 1)
  }

  @Test func whatIsNotKnownHasNoFigure() {
    var snapshot = Sample.snapshot(.restoring)
    snapshot.backlog = .unknown
    SnapshotGauges(factory: registry).set(from: snapshot)
    let text = registry.exposition(.text)
    for name in ["pending_requests", "oldest_unanswered_request_age_seconds", "unexplained_wait_seconds"] {
      #expect(!text.contains("\ncancel_worker_\(name)"))
    }
    let status = String(decoding: StatusDocument(snapshot, totals: .init(), maxKeys: 10).json, as: UTF8.self)
    #expect(status.contains(#""backlog":"unknown""#) && !status.contains("\"pending\""))
  }

  @Test func keysAreBoundedByNeed() {
    var snapshot = Sample.snapshot()
    snapshot.keys = (0..<60).map { Sample.key("k\($0)", waiting: $0) }
    SnapshotGauges(factory: registry, maxKeys: 50).set(from: snapshot)
    let text = registry.exposition(.text)
    #expect(text.split(separator: "\n").count { $0.hasPrefix("cancel_worker_quota_free_calls{") } == 50)
    #expect(text.contains("{key=\"k59\"}"))
    #expect(!text.contains("{key=\"k9\"}"))
  }

  @Test func accountsAreNamedOnlyWhereAllowed() {
    var snapshot = Sample.snapshot()
    snapshot.keys = [Sample.key("aaaa0000")]
    SnapshotGauges(factory: registry).set(from: snapshot)
    #expect(!registry.exposition(.text).contains("account="))
    let open = PrometheusRegistry.forWorker()
    SnapshotGauges(factory: open, accountLabels: true).set(from: snapshot)
    #expect(open.sample("cancel_worker_quota_free_calls{account=\"default\",key=\"aaaa0000\"}") == 20)
  }

  @Test func theProcessIsRead() {
    let process = ProcessMetrics(factory: registry)
    process.update()
    let first = registry.sample("process_cpu_seconds_total") ?? 0
    process.update()
    #expect(first > 0)
    #expect((registry.sample("process_cpu_seconds_total") ?? 0) >= first)
    #expect((registry.sample("process_resident_memory_bytes") ?? 0) > 1_000_000)
    #expect((registry.sample("process_open_fds") ?? 0) >= 3)
    #expect((registry.sample("process_max_fds") ?? 0) >= 3)
    #expect((registry.sample("process_threads") ?? 0) >= 1)
    #expect((registry.sample("process_start_time_seconds") ?? 0) > 1_600_000_000)
  }
}
