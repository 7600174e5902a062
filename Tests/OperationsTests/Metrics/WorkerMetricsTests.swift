import CancelContract
import CancelCore
import Testing

@testable import Operations

@Suite struct WorkerMetricsTests {
  private let registry = PrometheusRegistry.forWorker()
  private let metrics: WorkerMetrics

  init() throws {
    metrics = WorkerMetrics(factory: registry, environments: AccountEnvironments(try Sample.accounts()))
  }

  @Test func everyCombinationIsThereFromTheStart() {
    let text = registry.exposition(.text)
    for outcome in CancelOutcome.allCases {
      for environment in ["demo", "real", "none"] {
        #expect(
          text.contains("cancel_worker_results_total{environment=\"\(environment)\",outcome=\"\(outcome.name)\"} 0"))
      }
    }
    for kind in ["accepted", "rejected", "credential_refused", "throttled", "transient", "ambiguous"] {
      #expect(text.contains("cancel_worker_calls_total{class=\"\(kind)\",environment=\"real\"} 0"))
    }
  }

  @Test func resultsByOutcomeAndEnvironment() {
    let now = Sample.start + .milliseconds(10)
    metrics.published(
      [
        Sample.result(1), Sample.result(2, account: "fund", outcome: .rejected),
        Sample.result(3, account: "gone", outcome: .failed), Sample.result(4, account: nil, outcome: .invalid),
        Sample.result(5, deduplicated: true),
      ], refused: [], at: now)
    #expect(registry.sample("cancel_worker_results_total{environment=\"demo\",outcome=\"accepted\"}") == 2)
    #expect(registry.sample("cancel_worker_results_total{environment=\"real\",outcome=\"rejected\"}") == 1)
    #expect(registry.sample("cancel_worker_results_total{environment=\"none\",outcome=\"failed\"}") == 1)
    #expect(registry.sample("cancel_worker_results_total{environment=\"none\",outcome=\"invalid\"}") == 1)
    #expect(registry.sample("cancel_worker_duplicates_total") == 1)
    #expect(registry.sample("cancel_worker_result_attempts_count") == 4)
  }

  @Test func stages() {
    metrics.received(Sample.request(1, priority: .killSwitch), .opened, at: Sample.start)
    metrics.received(Sample.request(2), .opened, at: Sample.start)
    metrics.published(
      [Sample.result(1), Sample.result(2), Sample.result(3, attempts: 0)], refused: [],
      at: Sample.start + .milliseconds(20))
    let urgent = "{priority=\"killSwitch\"}"
    #expect(registry.sample("cancel_worker_request_to_call_seconds_sum\(urgent)") == 0.002)
    #expect(registry.sample("cancel_worker_request_to_result_seconds_sum\(urgent)") == 0.02)
    #expect(registry.sample("cancel_worker_request_to_call_seconds_count{priority=\"routine\"}") == 1)
    #expect(registry.sample("cancel_worker_request_to_result_seconds_count{priority=\"routine\"}") == 2)
    #expect(registry.sample("cancel_worker_call_to_result_seconds_sum") == 0.026)
    #expect(registry.sample("cancel_worker_requests_received_total") == 2)
  }

  @Test func aProducersClockAheadOfOursCountsAsNothing() {
    metrics.published([Sample.result(1)], refused: [], at: Sample.start - .seconds(5))
    #expect(registry.sample("cancel_worker_request_to_result_seconds_sum{priority=\"routine\"}") == 0)
    #expect(registry.sample("cancel_worker_request_to_result_seconds_count{priority=\"routine\"}") == 1)
  }

  @Test func callsByClass() {
    for kind in CancelAnswer.Kind.allCases {
      metrics.answered(
        Sample.call(1, account: "fund"), CancelAnswer(kind: kind), after: .milliseconds(3), at: Sample.start)
    }
    for kind in CancelAnswer.Kind.allCases {
      #expect(
        registry.sample("cancel_worker_calls_total{class=\"\(kind.metricLabel)\",environment=\"real\"}") == 1)
    }
    #expect(registry.sample("cancel_worker_call_duration_seconds_bucket{le=\"0.005\"}") == 7)
    #expect(registry.sample("cancel_worker_call_duration_seconds_bucket{le=\"0.0025\"}") == 0)
  }

  @Test func aRefusedMessageIsCountedOnce() {
    let request = Sample.request(1, account: "unknown")
    metrics.received(request, .accountUnknown, at: Sample.start)
    let refused = RefusedMessage(
      source: request.source, key: nil, value: nil, headers: [],
      problem: Problem(json: JSONText(wellFormed: Array("{}".utf8))))
    metrics.published([Sample.result(1, outcome: .invalid, attempts: 0)], refused: [refused], at: Sample.start)
    #expect(registry.sample("cancel_worker_requests_received_total") == 1)
    #expect(registry.sample("cancel_worker_dead_letters_total") == 1)
  }

  @Test func transactionsAndPartitions() {
    metrics.committed(records: 30, after: .milliseconds(4))
    metrics.aborted(Unlucky())
    metrics.assigned([0, 1])
    metrics.restored([0, 1], records: 5, after: .milliseconds(1500))
    metrics.gaveUp([0], lost: false)
    metrics.gaveUp([1], lost: true)
    #expect(registry.sample("cancel_worker_transactions_total{result=\"committed\"}") == 1)
    #expect(registry.sample("cancel_worker_transactions_total{result=\"aborted\"}") == 1)
    #expect(registry.sample("cancel_worker_transaction_records_sum") == 30)
    #expect(registry.sample("cancel_worker_rebalances_total{kind=\"assigned\"}") == 1)
    #expect(registry.sample("cancel_worker_rebalances_total{kind=\"revoked\"}") == 1)
    #expect(registry.sample("cancel_worker_rebalances_total{kind=\"lost\"}") == 1)
    #expect(registry.sample("cancel_worker_ledger_restore_duration_seconds") == 1.5)
  }

  @Test func killSwitchesOfPartitionsThatAreGivenUpAreForgotten() {
    let requests = KillSwitchRequests()
    requests.insert(Sample.request(1, partition: 0).source)
    requests.insert(Sample.request(1, partition: 1).source)
    requests.drop([0])
    #expect(requests.take([Sample.result(1, partition: 0), Sample.result(1, partition: 1)]) == [false, true])
    #expect(requests.take([Sample.result(1, partition: 1)]) == [])
  }

  private struct Unlucky: Error {}
}
