extension Bench {
  /// The switch is pulled over many accounts at once: 20 orders each, which is what each key's window holds.
  func killSwitch(into report: inout Report) async throws {
    let accounts = 10_000 / scale
    let stage = try await stage()
    var settings = try stage.accountsFile(accounts)
    settings["QUOTA_CALLS"] = "20"
    settings["QUOTA_RESERVED_FOR_KILL_SWITCH"] = "0"
    settings["REQUEST_MAX_PENDING"] = "\(accounts * 20)"
    let worker = try await stage.worker(settings)
    let start = monotonicNanoseconds()
    try await stage.send(1..<accounts * 20 + 1) { "a\($0 % accounts)" }
    try await stage.stub.waitForCalls(accounts * 20)
    let seconds = Double(monotonicNanoseconds() - start) / 1e9
    let floor = report.value(Bench.httpFloor, "64 in flight").map { Double(accounts * 20) / $0 }
    report.add("kill-switch, all calls out", "\(accounts) accounts × 20", seconds, "s", floor: floor)
    worker.process.stop()
    try await stage.clear()
  }
}
