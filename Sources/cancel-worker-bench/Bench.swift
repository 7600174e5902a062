import Foundation

/// What can be measured.
enum BenchPart: String, CaseIterable {
  case floors, throughput, latency, backlog, allocations, idle, restore
  case killSwitch = "kill-switch"
  case partitions, accounts, ledgers
  case tenMillion = "ten-million"
}

/// The measurements; each adds its figures to the report.
struct Bench {
  let bootstrap: String
  let ownBinary: URL
  let worker: URL
  /// What loads are divided by.
  let scale: Int

  static let guarantees = ["exactlyOnce", "atLeastOnce"]

  func measure(_ part: BenchPart, into report: inout Report) async throws {
    switch part {
    case .floors: try await floors(into: &report)
    case .throughput: try await throughput(into: &report)
    case .latency: try await latency(into: &report)
    case .allocations: try await allocations(into: &report)
    case .idle: try await idle(into: &report)
    case .restore: try await restore([1_000_000 / scale], into: &report)
    case .killSwitch: try await killSwitch(into: &report)
    case .partitions: try await partitions(into: &report)
    case .accounts: try await accounts(into: &report)
    case .ledgers: try await restore([10_000, 100_000].map { $0 / scale }, into: &report)
    case .backlog: try await backlog(into: &report)
    case .tenMillion: try await restore([10_000_000 / scale], into: &report)
    }
  }

  func stage(partitions: Int = 4, delay: Duration = .zero, notesArrivals: Bool = false) async throws -> BenchStage {
    try await BenchStage(
      bootstrap: bootstrap, worker: worker, partitions: partitions, delay: delay, notesArrivals: notesArrivals)
  }
}

extension Bench {
  /// A worker with nothing to do.
  func idle(into report: inout Report) async throws {
    let stage = try await stage()
    let worker = try await stage.worker([:])
    report.add("start to ready", "empty ledger", worker.startSeconds, "s", target: 2)
    report.add("resident memory", "idle", worker.process.residentMebibytes, "MiB", target: 60)
    let seconds = 10 / min(scale, 3)
    let all = worker.process.cpuMicroseconds
    let own = worker.process.ownThreadsMicroseconds
    try await Task.sleep(for: .seconds(seconds))
    let percent = 1e4 * Double(seconds)
    report.add("CPU", "idle", (worker.process.cpuMicroseconds - all) / percent, "%", target: 1)
    // A broker that answers a fetch at once where there is nothing keeps librdkafka's threads busy.
    report.add("CPU without librdkafka's threads", "idle", (worker.process.ownThreadsMicroseconds - own) / percent, "%")
    worker.process.stop()
    try await stage.clear()
  }
}

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
      report.add("start to ready", setting, worker.startSeconds, "s", floor: floor, target: isMillion ? 3 : nil)
      report.add("resident memory", setting, worker.process.residentMebibytes, "MiB")
      report.add(
        "most resident memory", setting, worker.process.mostResidentMebibytes, "MiB", target: isMillion ? 250 : nil)
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

extension Bench {
  private static let switchKeys = 50

  /// A switch is pulled while 100,000 routine requests of as many other keys wait for their quota.
  func backlog(into report: inout Report) async throws {
    let keys = Bench.switchKeys
    let waiting = 100_000 / scale
    let orders = keys * Bench.perKey
    let stage = try await stage(notesArrivals: true)
    let settings = try stage.accountsFile(2 * keys).merging([
      "QUOTA_CALLS": "\(Bench.perKey)", "REQUEST_MAX_PENDING": "\(2 * waiting)",
    ]) { $1 }
    try await stage.send(1..<waiting + 1) { "a\($0 % keys)" }
    let worker = try await stage.worker(settings)
    try await worker.waitForReceived(waiting)
    let producer = try await stage.warmProducer()
    let calls = stage.stub.arrivals.withLock { $0.count }
    let start = monotonicNanoseconds()
    try await stage.send(waiting + 1..<waiting + orders + 1, priority: "killSwitch", with: producer) {
      "a\(keys + $0 % keys)"
    }
    try await stage.stub.waitForCalls(calls + orders)
    await producer.close(timeout: .seconds(5))
    let arrivals = stage.stub.arrivals.withLock { arrivals in
      arrivals.filter { $0.key > Int64(waiting) }.values.map { Double($0 - start) / 1e6 }
    }
    let setting = "\(orders) requests, \(keys) keys, \(waiting) waiting"
    let floor = report.value(Bench.httpFloor, "64 in flight").map { 1000 * Double(orders) / $0 }
    report.add("kill-switch in a backlog, first call", setting, arrivals.min() ?? .nan, "ms", target: 5)
    report.add("kill-switch in a backlog, all calls", setting, arrivals.max() ?? .nan, "ms", floor: floor)
    worker.process.stop()
    try await stage.clear()
  }
}

extension Bench {
  /// What one more request allocates, librdkafka's share included: the difference between two loads, so that the start
  /// and the topics' set-up fall out.
  func allocations(into report: inout Report) async throws {
    guard let library = AllocationCount.library else {
      FileHandle.standardError.write(Data("allocations need jemalloc (Debian: libjemalloc2); left out\n".utf8))
      return
    }
    let more = 100_000 / scale
    for guarantee in Bench.guarantees {
      let settings = AllocationCount.environment(library).merging(["DELIVERY_GUARANTEE": guarantee]) { $1 }
      let few = try await drain(more / 10, settings: settings)
      let many = try await drain(more / 10 + more, settings: settings)
      let counted = try AllocationCount.read(from: many.log) - AllocationCount.read(from: few.log)
      report.add("allocations per request", guarantee, Double(counted) / Double(more), "")
    }
  }
}

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
    let counted = Double(orders.count - warm)
    let used = worker.process.cpuMicroseconds - processor
    let usedByThreads = worker.process.threadMicroseconds(since: threads, per: counted)
    let resident = worker.process.residentMebibytes
    let end = try await stage.waitForResults(orders.count)
    worker.process.stop()
    return Load(
      perSecond: counted / max(0.001, Double(end.last) / 1000 - start), processorMicroseconds: used / counted,
      threads: usedByThreads, residentMebibytes: resident,
      log: try String(contentsOf: worker.log, encoding: .utf8))
  }
}
