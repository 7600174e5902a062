extension Bench {
  /// A worker makes the ledger by cancelling; another one restores it.
  func restore(_ sizes: [Int], into report: inout Report) async throws {
    for orders in sizes {
      let stage = try await stage()
      try await stage.send(1..<orders + 1)
      let first = try await stage.worker([:])
      try await stage.stub.waitForCalls(orders)
      _ = try await stage.waitForResults(orders)
      first.process.stop()
      let second = try await stage.worker([:])
      let isMillion = orders == 1_000_000
      report.add("start to ready", "\(orders) orders", second.startSeconds, "s", target: isMillion ? 5 : nil)
      report.add(
        "resident memory", "\(orders) orders", second.process.residentMebibytes, "MiB", target: isMillion ? 400 : nil)
      report.add("most resident memory", "\(orders) orders", second.process.mostResidentMebibytes, "MiB")
      second.process.stop()
      try await stage.clear()
    }
  }
}
