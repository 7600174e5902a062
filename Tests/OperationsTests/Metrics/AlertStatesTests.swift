import CancelAPI
import CancelContract
import CancelCore
import CancelService
import Foundation
import FoundationEssentials
import Testing

@testable import Operations

/// Which alerts fire in each state of a worker, by Prometheus's own rule engine.
///
/// The series are scrapes of the real engine, gauges and exposition on virtual time, one every 15 seconds, so a rule is held
/// against figures that a worker in that state shows.
@Suite struct AlertStatesTests {
  private static let promtool = ["/usr/bin/promtool", "/usr/local/bin/promtool"]
    .first { FileManager.default.isExecutableFile(atPath: $0) }
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  struct State: Sendable, CustomStringConvertible {
    var description: String
    /// When each scrape sees these alerts firing.
    var after: Duration
    /// `alertname/severity` of all that fire then.
    var fires: Set<String>
    var run: @Sendable (inout ScrapedWorker) -> Void
  }

  static let states = [
    State(description: "idle", after: .seconds(300), fires: []) { $0.pass(.seconds(300)) },
    State(description: "60 routine requests for one key", after: .seconds(180), fires: []) { worker in
      worker.request(60, priority: .routine)
      worker.pass(.seconds(180))
    },
    State(
      description: "a routine backlog of more than five minutes", after: .seconds(420),
      fires: ["CancelWorkerRoutineBacklog/warning"]
    ) { worker in
      worker.request(140, priority: .routine)
      worker.pass(.seconds(420))
    },
    State(
      description: "a kill-switch of 100 orders for one key", after: .seconds(150),
      fires: ["CancelWorkerKillSwitchWaitsForQuota/warning"]
    ) { worker in
      worker.request(100, priority: .killSwitch)
      worker.pass(.seconds(150))
    },
    State(
      description: "a kill-switch whose calls are not answered", after: .seconds(90),
      fires: [
        "CancelWorkerKillSwitchStuck/critical", "CancelWorkerCancelsNotGettingThrough/critical",
      ]
    ) { worker in
      worker.answer = { _ in nil }
      worker.request(3, priority: .killSwitch)
      worker.pass(.seconds(90))
    },
    State(
      description: "a refused key", after: .seconds(120),
      fires: ["CancelWorkerBreakerOpen/critical", "CancelWorkerCancelsFailing/critical"]
    ) { worker in
      worker.pass(.seconds(30))
      worker.answer = { _ in CancelAnswer(kind: .credentialRefused, httpStatus: 401) }
      for _ in 0..<3 {
        worker.request(10, priority: .routine)
        worker.pass(.seconds(30))
      }
    },
    State(
      description: "the API answers 503", after: .seconds(120),
      fires: [
        "CancelWorkerAPIOut/critical", "CancelWorkerCancelsNotGettingThrough/critical",
        "CancelWorkerKillSwitchStuck/critical",
      ]
    ) { worker in
      worker.answer = { _ in CancelAnswer(kind: .transient, httpStatus: 503) }
      worker.request(20, priority: .killSwitch, accounts: 4)
      worker.pass(.seconds(120))
    },
    State(
      description: "no broker answers", after: .seconds(120),
      fires: [
        "CancelWorkerBrokerUnreachable/critical", "CancelWorkerCancelsNotGettingThrough/critical",
        "CancelWorkerKillSwitchStuck/critical", "CancelWorkerNoneReady/critical",
      ]
    ) { worker in
      worker.request(41, priority: .killSwitch)
      worker.pass(.seconds(15))
      worker.loseBroker()
      worker.pass(.seconds(105))
    },
  ]

  @Test(.enabled(if: promtool != nil, "promtool is not installed"), arguments: states)
  func firing(_ state: State) throws {
    var worker = ScrapedWorker(accounts: 4)
    state.run(&worker)
    let samples = state.fires.sorted().map { alert in
      let parts = alert.split(separator: "/")
      return "          - labels: '{alertname=\"\(parts[0])\", severity=\"\(parts[1])\"}'\n            value: 1\n"
    }
    let rules = Self.folder.appendingPathComponent("Deploy/prometheus/alerts.yml").path
    let yaml = """
      rule_files: ["\(rules)"]
      evaluation_interval: 15s
      tests:
        - interval: 15s
          input_series:
      \(worker.series.map { "      - series: '\($0.key)'\n        values: '\($0.value)'\n" }.joined())
          promql_expr_test:
            - expr: count by (alertname, severity) (ALERTS{alertstate="firing"}) > bool 0
              eval_time: \(state.after.components.seconds)s
              exp_samples:\(samples.isEmpty ? " []" : "\n" + samples.joined())

      """
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).yml")
    try yaml.write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.promtool ?? "")
    process.arguments = ["test", "rules", file.path]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let said = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(state): \(String(decoding: said, as: UTF8.self))")
  }
}

/// A worker's engine on virtual time, scraped every 15 seconds.
struct ScrapedWorker {
  /// The API: the answer to a call, 100 ms after it was sent; `nil` for none.
  var answer: (Call) -> CancelAnswer? = { _ in CancelAnswer(kind: .accepted, httpStatus: 200) }
  /// Each series with its values, one a scrape.
  private(set) var series: [String: String] = [:]

  private var engine: CancelEngine
  private let accounts: [AccountName: QuotaKey]
  private var now = Sample.start
  private var nextScrape = Sample.start
  private var scrapes = 0
  private var offset: Int64 = 0
  private var answers: [(at: Timestamp, call: Call, answer: CancelAnswer)] = []
  private var lost: (gauges: EngineGauges, at: Timestamp)?
  private let registry = PrometheusRegistry.forWorker()
  private let metrics: WorkerMetrics
  private let gauges: SnapshotGauges

  init(accounts count: Int) {
    var keys: [AccountName: QuotaKey] = [:]
    for index in 0..<count { keys[AccountName("account-\(index)")] = QuotaKey(index: index) }
    accounts = keys
    engine = CancelEngine(policy: CancelPolicy(), defaultAccount: "account-0", seed: 1)
    engine.configure(accounts: keys, at: now)
    engine.assign(Assignment(partition: 0, number: 1))
    engine.restored(Assignment(partition: 0, number: 1), position: 0, at: now)
    metrics = WorkerMetrics(factory: registry, environments: AccountEnvironments(Accounts([])))
    gauges = SnapshotGauges(factory: registry)
  }

  mutating func request(_ count: Int, priority: Priority, accounts: Int = 1) {
    for index in 0..<count {
      offset += 1
      var request = Sample.request(
        offset, order: 1000 + offset, account: AccountName("account-\(index % accounts)"), priority: priority)
      request.producedAt = now
      request.receivedAt = now
      metrics.received(request, engine.receive(request, at: now), at: now)
    }
  }

  /// The brokers can't be reached: the partitions are lost, with what is open.
  mutating func loseBroker() {
    lost = (engine.gauges(at: now), now)
  }

  mutating func pass(_ duration: Duration) {
    let end = now + duration
    while now <= end {
      if lost == nil { turn() }
      if now >= nextScrape {
        scrape()
        nextScrape = nextScrape + .seconds(15)
      }
      now = now + .milliseconds(100)
    }
  }

  private mutating func turn() {
    let due = answers.filter { $0.at <= now }
    answers.removeAll { $0.at <= now }
    for (_, call, answer) in due { engine.answered(call.id, answer, at: now) }
    engine.advance(to: now)
    while let call = engine.nextCall(at: now, requestID: { UUID() }) {
      if let answer = answer(call) { answers.append((now + .milliseconds(100), call, answer)) }
    }
    if let batch = engine.nextBatch() {
      engine.committed()
      metrics.published(batch.results, refused: batch.refused, at: now)
    }
  }

  private mutating func scrape() {
    var snapshot = WorkerSnapshot(
      takenAt: now, startedAt: Sample.start, version: "1", instance: "a", state: lost == nil ? .running : .unassigned)
    let current = engine.gauges(at: now)
    snapshot.setBacklog(lost?.gauges ?? current, lost.map { .lastKnown(at: $0.at) } ?? .current)
    snapshot.apiOutSince = current.apiOutSince
    snapshot.callsInFlight = engine.callsInFlight
    snapshot.keys = current.keys(waitingAsIn: lost?.gauges).map { key in
      KeySnapshot(
        key, digest: "key-\(key.key.index)", environment: "real", accounts: [AccountName("account-\(key.key.index)")])
    }
    if let lost {
      snapshot.brokerUnreachableSince = lost.at
      snapshot.notReady = [.init("broker-unreachable", "no broker can be reached")]
    }
    gauges.set(from: snapshot)
    for line in registry.exposition(.text).split(separator: "\n") where !line.hasPrefix("#") {
      guard let space = line.lastIndex(of: " ") else { continue }
      var name = String(line[..<space])
      let instance = "job=\"cancel-worker\",instance=\"a\""
      if name.hasSuffix("}") { name = name.dropLast() + ",\(instance)}" } else { name += "{\(instance)}" }
      let before = series[name] ?? Array(repeating: "_", count: scrapes).joined(separator: " ")
      series[name] = before + (before.isEmpty ? "" : " ") + line[line.index(after: space)...]
    }
    scrapes += 1
    series = series.mapValues { values in
      let missing = scrapes - values.split(separator: " ").count
      return values + String(repeating: " _", count: missing)
    }
    series["up{job=\"cancel-worker\",instance=\"a\"}"] = Array(repeating: "1", count: scrapes).joined(separator: " ")
  }
}
