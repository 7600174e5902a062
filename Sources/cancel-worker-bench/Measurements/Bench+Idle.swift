import Foundation

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
