import CoreMetrics
import Testing

@testable import Operations

@Suite struct ExpositionTests {
  private let registry = PrometheusRegistry([
    MetricDescription("jobs_total", "Jobs \\ with \"quotes\"\nand lines.", kind: .counter),
    MetricDescription("wait_seconds", "Waiting.", kind: .histogram, unit: "seconds", buckets: [0.5, 1]),
    MetricDescription("depth", "Depth.", kind: .gauge),
  ])

  private func fill() {
    Counter(label: "jobs_total", dimensions: [("kind", "a\"b\\c\nd"), ("by", "x")], factory: registry)
      .increment(by: 3)
    let wait = registry.makeTimer(label: "wait_seconds", dimensions: [("p", "q")])
    for nanoseconds in [500_000_000, 500_000_001, 1_000_000_000, 7_000_000_000] as [Int64] {
      wait.recordNanoseconds(nanoseconds)
    }
    Meter(label: "depth", factory: registry).set(-2.5)
  }

  @Test func text() {
    fill()
    #expect(
      registry.exposition(.text) == #"""
        # HELP depth Depth.
        # TYPE depth gauge
        depth -2.5
        # HELP jobs_total Jobs \\ with "quotes"\nand lines.
        # TYPE jobs_total counter
        jobs_total{by="x",kind="a\"b\\c\nd"} 3
        # HELP wait_seconds Waiting.
        # TYPE wait_seconds histogram
        wait_seconds_bucket{p="q",le="0.5"} 1
        wait_seconds_bucket{p="q",le="1.0"} 3
        wait_seconds_bucket{p="q",le="+Inf"} 4
        wait_seconds_sum{p="q"} 9.000000001
        wait_seconds_count{p="q"} 4

        """#)
  }

  @Test func openMetrics() {
    fill()
    #expect(
      registry.exposition(.openMetrics) == #"""
        # HELP depth Depth.
        # TYPE depth gauge
        depth -2.5
        # HELP jobs Jobs \\ with \"quotes\"\nand lines.
        # TYPE jobs counter
        jobs_total{by="x",kind="a\"b\\c\nd"} 3
        # HELP wait_seconds Waiting.
        # TYPE wait_seconds histogram
        # UNIT wait_seconds seconds
        wait_seconds_bucket{p="q",le="0.5"} 1
        wait_seconds_bucket{p="q",le="1.0"} 3
        wait_seconds_bucket{p="q",le="+Inf"} 4
        wait_seconds_sum{p="q"} 9.000000001
        wait_seconds_count{p="q"} 4
        # EOF

        """#)
  }

  @Test func undeclaredMetricsAreMadeFit() {
    Counter(label: "http.requests", dimensions: [("the-kind", "x")], factory: registry).increment()
    registry.makeTimer(label: "1-db.query", dimensions: []).recordNanoseconds(1)
    #expect(registry.sample("http_requests_total{the_kind=\"x\"}") == 1)
    #expect(registry.sample("_1_db_query_seconds_count") == 1)
  }

  @Test func sameLabelsAreOneSeries() {
    Counter(label: "jobs_total", dimensions: [("a", "1"), ("b", "2")], factory: registry).increment()
    Counter(label: "jobs_total", dimensions: [("b", "2"), ("a", "1")], factory: registry).increment()
    #expect(registry.sample("jobs_total{a=\"1\",b=\"2\"}") == 2)
  }

  @Test func anotherKindUnderTheSameNameIsNotExposed() {
    Counter(label: "jobs_total", factory: registry).increment()
    Meter(label: "jobs_total", factory: registry).set(7)
    #expect(registry.sample("jobs_total") == 1)
  }

  @Test func seriesAreBounded() {
    let registry = PrometheusRegistry([], maxSeries: 3)
    for number in 0..<10 {
      Counter(label: "x_total", dimensions: [("n", String(number))], factory: registry).increment()
    }
    #expect(registry.exposition(.text).split(separator: "\n").count { $0.hasPrefix("x_total{") } == 3)
  }

  @Test func destroyedSeriesAreGone() {
    let meter = Meter(label: "depth", dimensions: [("k", "1")], factory: registry)
    meter.set(1)
    #expect(registry.sample("depth{k=\"1\"}") == 1)
    meter.destroy()
    #expect(registry.sample("depth{k=\"1\"}") == nil)
  }

  @Test func recordersOfPlainNumbers() {
    let recorder = registry.makeRecorder(label: "sizes", dimensions: [], aggregate: true)
    recorder.record(Int64(1))
    recorder.record(2.5)
    recorder.record(.infinity)
    recorder.record(.nan)
    #expect(registry.sample("sizes_bucket{le=\"1.0\"}") == 1)
    #expect(registry.sample("sizes_bucket{le=\"5.0\"}") == 2)
    #expect(registry.sample("sizes_count") == 3)
  }

  @Test func countsFromManyThreadsAddUp() async {
    let counter = Counter(label: "jobs_total", factory: registry)
    let meter = Meter(label: "depth", factory: registry)
    let timer = registry.makeTimer(label: "wait_seconds", dimensions: [])
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<1000 {
            counter.increment()
            meter.increment(by: 1)
            timer.recordNanoseconds(1)
          }
        }
      }
    }
    #expect(registry.sample("jobs_total") == 8000)
    #expect(registry.sample("depth") == 8000)
    #expect(registry.sample("wait_seconds_count") == 8000)
  }

  @Test(
    arguments: [
      (nil, false), ("", false), ("*/*", false), ("text/plain", false),
      ("application/openmetrics-text", true),
      ("application/openmetrics-text; version=1.0.0; charset=utf-8", true),
      ("application/openmetrics-text;version=2.0.0", false),
      ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1", true),
      ("application/openmetrics-text;q=0.3, text/plain;q=0.4", false),
      ("application/openmetrics-text;q=0", false), ("application/openmetrics-text;q=x", false),
      ("APPLICATION/OpenMetrics-Text ; Version=\"1.0.0\"", true),
    ] as [(String?, Bool)])
  func negotiation(accept: String?, isOpenMetrics: Bool) {
    #expect(ExpositionFormat(accept: accept) == (isOpenMetrics ? .openMetrics : .text))
  }
}
