extension Bench {
  /// Workers that start with a day's orders in the ledger.
  func restore(_ sizes: [Int], into report: inout Report) async throws {
    for orders in sizes {
      let stage = try await stage()
      try await stage.remember(1..<orders + 1)
      let floor = try await secondsToRead(stage.names.ledger, of: stage)
      let worker = try await stage.worker([:])
      let isMillion = orders == 1_000_000
      let setting = "\(orders) remembered orders"
      report.add("start to ready", setting, worker.startSeconds, "s", floor: floor, target: isMillion ? 5 : nil)
      report.add(
        "resident memory", setting, worker.process.residentMebibytes, "MiB", target: isMillion ? 400 : nil)
      report.add(
        "most resident memory", setting, worker.process.mostResidentMebibytes, "MiB", target: isMillion ? 400 : nil)
      worker.process.stop()
      // The same load as without a ledger: what is remembered must not slow anything down.
      let load = try await drain(stage, orders + 1..<orders + 1 + 100_000 / scale)
      report.add(
        "throughput", setting, load.perSecond, "results/s", floor: report.value(Bench.httpFloor, "64 in flight"))
      report.add("CPU per request", setting, load.processorMicroseconds, "µs")
      try await stage.clear()
    }
  }
}
