import CancelContract
import CancelCore
import Foundation
import Testing

@testable import Operations

/// Prometheus's own linter on a whole scrape.
@Suite struct PromtoolTests {
  private static let promtool = ["/usr/bin/promtool", "/usr/local/bin/promtool"]
    .first { FileManager.default.isExecutableFile(atPath: $0) }

  @Test(.enabled(if: promtool != nil, "promtool is not installed"))
  func checkMetricsFindsNothing() throws {
    let registry = PrometheusRegistry.forWorker()
    let metrics = WorkerMetrics(factory: registry, environments: AccountEnvironments(try Sample.accounts()))
    metrics.received(Sample.request(1), .opened, at: Sample.start)
    metrics.published([Sample.result(1)], refused: [], at: Sample.start)
    var snapshot = Sample.snapshot()
    snapshot.keys = [Sample.key("aaaa0000")]
    snapshot.lag = [0: 1]
    snapshot.rounds.switches = [
      SwitchGauges(cancelID: "dms-1", accounts: ["default"], due: snapshot.takenAt + .seconds(30))
    ]
    SnapshotGauges(factory: registry, accountLabels: true).set(from: snapshot)
    ProcessMetrics(factory: registry).update()
    SpanCounters(factory: registry).lost(1, .queueFull)
    let scrape = registry.exposition(.text)
    for description in WorkerMetricCatalogue.all {
      #expect(scrape.contains("# TYPE \(description.name) "), "\(description.name) has no series")
    }
    let (status, output) = try check(scrape)
    #expect(output == "")
    #expect(status == 0)
  }

  @Test(.enabled(if: promtool != nil, "promtool is not installed"))
  func theLinterWouldSpeakUp() throws {
    #expect(try check("# TYPE x counter\nx 1\n").status != 0)
  }

  @Test func unitsEndTheNames() {
    for description in WorkerMetricCatalogue.all {
      guard let unit = description.unit else { continue }
      #expect(description.openMetricsName.hasSuffix("_\(unit)"))
    }
    #expect(Set(WorkerMetricCatalogue.all.map(\.name)).count == WorkerMetricCatalogue.all.count)
  }

  private func check(_ scrape: String) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.promtool ?? "")
    process.arguments = ["check", "metrics"]
    let input = Pipe()
    let output = Pipe()
    process.standardInput = input
    process.standardOutput = output
    process.standardError = output
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data(scrape.utf8))
    try input.fileHandleForWriting.close()
    let told = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: told, as: UTF8.self))
  }
}
