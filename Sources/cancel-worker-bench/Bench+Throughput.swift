import Foundation

extension Bench {
  /// Preloaded requests: as fast as they go, and against an API that takes its time.
  func throughput(into report: inout Report) async throws {
    for guarantee in Bench.guarantees {
      let load = try await drain(200_000 / scale, settings: ["DELIVERY_GUARANTEE": guarantee])
      let floor = report.value(Bench.httpFloor, "64 in flight")
      report.add(
        "throughput", "\(guarantee), 64 in flight", load.perSecond, "results/s", floor: floor,
        target: report.value(Bench.ordinaryClient, "64 in flight").map { $0 * 0.8 }, moreIsBetter: true)
      report.add(
        "CPU per request", "\(guarantee), 64 in flight", load.processorMicroseconds, "µs",
        floor: report.value(Bench.httpFloor, "CPU"), target: guarantee == "exactlyOnce" ? 45 : nil)
      for (thread, microseconds) in load.threads.sorted(by: { $0.value > $1.value }) where microseconds >= 0.5 {
        report.add("CPU per request, \(thread)", guarantee, microseconds, "µs")
      }
      report.add("resident memory under load", guarantee, load.residentMebibytes, "MiB")
      let slow = try await drain(
        100_000 / scale, delay: .milliseconds(20),
        settings: ["DELIVERY_GUARANTEE": guarantee, "API_CONNECTIONS": "256"])
      report.add(
        "throughput, API takes 20 ms", "\(guarantee), 256 in flight", slow.perSecond, "results/s",
        floor: report.value(Bench.httpFloor, "256 in flight, 20 ms") ?? 256 / 0.02)
    }
  }

  func partitions(into report: inout Report) async throws {
    for partitions in [1, 4, 16, 64] {
      let load = try await drain(100_000 / scale, partitions: partitions)
      report.add("throughput", "\(partitions) partitions", load.perSecond, "results/s")
      report.add("CPU per request", "\(partitions) partitions", load.processorMicroseconds, "µs")
    }
  }

  func accounts(into report: inout Report) async throws {
    for accounts in [1, 100, 10_000, 100_000] {
      let load = try await drain(100_000 / scale, accounts: accounts)
      report.add("throughput", "\(accounts) accounts", load.perSecond, "results/s")
      report.add("CPU per request", "\(accounts) accounts", load.processorMicroseconds, "µs")
    }
  }

  struct Load {
    var perSecond: Double
    /// Of one request.
    var processorMicroseconds: Double
    /// The same by the threads' names.
    var threads: [String: Double]
    var residentMebibytes: Double
    /// What the worker said until it had ended.
    var log: String
  }

  func drain(
    _ requests: Int, partitions: Int = 4, delay: Duration = .zero, accounts: Int = 0, settings: [String: String] = [:]
  ) async throws -> Load {
    let stage = try await stage(partitions: partitions, delay: delay)
    var settings = settings
    if accounts > 0 { settings.merge(try stage.accountsFile(accounts)) { _, own in own } }
    let load = try await drain(stage, 1..<requests + 1, settings) { accounts > 0 ? "a\($0 % accounts)" : nil }
    try await stage.clear()
    return load
  }

  /// Publishes the requests, then starts a worker on them.
  func drain(
    _ stage: BenchStage, _ orders: Range<Int>, _ settings: [String: String] = [:],
    account: @escaping @Sendable (Int) -> String? = { _ in nil }
  ) async throws -> Load {
    try await stage.send(orders, account: account)
    let worker = try await stage.worker(settings)
    // What comes before is the start's own cost.
    let warm = stage.stub.calls.load(ordering: .relaxed)
    let start = Date.now.timeIntervalSince1970
    let processor = worker.process.cpuMicroseconds
    let threads = worker.process.threadMicroseconds
    try await stage.stub.waitForCalls(orders.count)
    try await stage.waitForResultRecords(orders.count)
    let used = worker.process.cpuMicroseconds - processor
    let usedByThreads = worker.process.threadMicroseconds
    let resident = worker.process.residentMebibytes
    let end = try await stage.waitForResults(orders.count)
    worker.process.stop()
    let counted = Double(orders.count - warm)
    return Load(
      perSecond: counted / max(0.001, Double(end.last) / 1000 - start), processorMicroseconds: used / counted,
      threads: usedByThreads.merging(threads) { $0 - $1 }.mapValues { $0 / counted }, residentMebibytes: resident,
      log: try String(contentsOf: worker.log, encoding: .utf8))
  }
}
