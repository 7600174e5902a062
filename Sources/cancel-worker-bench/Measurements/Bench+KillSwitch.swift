extension Bench {
  private static let perKey = 20

  /// The switch is pulled over many accounts at once: as many orders each as a key's window holds.
  func killSwitch(into report: inout Report) async throws {
    let accounts = 10_000 / scale
    let orders = accounts * Bench.perKey
    let stage = try await stage(notesArrivals: true)
    let settings = try stage.accountsFile(accounts).merging(["QUOTA_CALLS": "\(Bench.perKey)"]) { $1 }
    let worker = try await stage.worker(settings)
    let start = monotonicNanoseconds()
    try await stage.send(1..<orders + 1, priority: "killSwitch") { "a\($0 % accounts)" }
    let published = monotonicNanoseconds()
    try await stage.stub.waitForCalls(orders)
    var complete: [Int: UInt64] = [:]
    for (order, time) in stage.stub.arrivals.withLock({ $0 }) {
      complete[Int(order) % accounts, default: 0] = max(complete[Int(order) % accounts, default: 0], time)
    }
    let seconds = Percentiles(complete.values.map { Double($0 - start) / 1e9 })
    let setting = "\(orders) requests, \(accounts) keys"
    let floor = report.value(Bench.httpFloor, "64 in flight").map { Double(orders) / $0 }
    report.add("kill-switch published", setting, Double(published - start) / 1e9, "s")
    report.add("kill-switch, half of the keys done", setting, seconds[0.5], "s", floor: floor)
    report.add("kill-switch, all of the keys done", setting, seconds[1], "s", floor: floor)
    report.add("most resident memory", setting, worker.process.mostResidentMebibytes, "MiB")
    worker.process.stop()
    try await stage.clear()
  }
}
