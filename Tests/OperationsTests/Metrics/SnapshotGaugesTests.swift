import CancelContract
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
