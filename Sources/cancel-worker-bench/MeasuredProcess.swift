import Foundation
import WorkerHarness

/// A worker that is ready, as a process of its own.
struct BenchWorker {
  let process: MeasuredProcess
  let log: URL
  private let port: Int
  /// From its start until it said that it is ready.
  let startSeconds: Double

  init(binary: URL, environment: [String: String], log: URL) async throws {
    self.log = log
    port = try WorkerHarness.freePort()
    let start = monotonicNanoseconds()
    process = try MeasuredProcess(
      binary: binary, arguments: ["run"],
      environment: environment.merging(["ADMIN_PORT": "\(port)"]) { _, own in own }, log: log)
    while true {
      guard process.isRunning else {
        throw WorkerEnded(status: process.terminationStatus, log: WorkerHarness.tail(of: log))
      }
      if let page = try? await WorkerHarness.page("http://127.0.0.1:\(port)/readyz"), page.status == 200 { break }
      try await Task.sleep(for: .milliseconds(5))
    }
    startSeconds = Double(monotonicNanoseconds() - start) / 1e9
  }

  /// Waits until the worker has taken up so many requests; looks every 50 ms.
  func waitForReceived(_ count: Int) async throws {
    while true {
      let text = try await WorkerHarness.page("http://127.0.0.1:\(port)/status").text
      if let received = text.firstMatch(of: /"received":(\d+)/).flatMap({ Int($0.1) }), received >= count { return }
      guard process.isRunning else {
        throw WorkerEnded(status: process.terminationStatus, log: WorkerHarness.tail(of: log))
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }
}

/// The real worker in a process of its own, with what the kernel counts of it.
final class MeasuredProcess {
  private let process: Process

  init(binary: URL, arguments: [String], environment: [String: String], log: URL) throws {
    process = try WorkerHarness.process(binary, arguments, environment: environment, log: log)
    try process.run()
  }

  var isRunning: Bool { process.isRunning }

  var terminationStatus: Int32 { process.terminationStatus }

  /// User and system time so far, in microseconds.
  var cpuMicroseconds: Double { processorTime("/proc/\(process.processIdentifier)/stat") }

  /// That of the threads that are not librdkafka's, in microseconds.
  var ownThreadsMicroseconds: Double {
    threadMicroseconds.filter { !$0.key.hasPrefix("rdk:") }.values.reduce(0, +)
  }

  /// The same by the threads' names without numbers.
  var threadMicroseconds: [String: Double] {
    let folder = "/proc/\(process.processIdentifier)/task"
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return threads.reduce(into: [:]) { sums, thread in
      let name = (try? String(contentsOfFile: "\(folder)/\(thread)/comm", encoding: .utf8)) ?? ""
      let kind = name.filter { !$0.isWhitespace && !$0.isNumber && $0 != "#" }
      sums[kind, default: 0] += processorTime("\(folder)/\(thread)/stat")
    }
  }

  /// What each kind of thread used since `earlier`, for each of `count` requests.
  func threadMicroseconds(since earlier: [String: Double], per count: Double) -> [String: Double] {
    threadMicroseconds.merging(earlier) { $0 - $1 }.mapValues { $0 / count }
  }

  private func processorTime(_ path: String) -> Double {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8), let end = text.lastIndex(of: ")") else {
      return 0
    }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
    return (user + system) * 1_000_000 / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Resident memory in mebibytes.
  var residentMebibytes: Double { status("VmRSS") / 1024 }

  /// The most memory that was ever resident, in mebibytes.
  var mostResidentMebibytes: Double { status("VmHWM") / 1024 }

  private func status(_ name: String) -> Double {
    guard let text = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("\(name):") })
    else { return 0 }
    return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) } ?? 0
  }

  func stop() {
    guard process.isRunning else { return }
    process.terminate()
    process.waitUntilExit()
  }
}

/// How often a process allocated: jemalloc, loaded before it, counts and tells at the process's end.
enum AllocationCount {
  /// Debian's `libjemalloc2`, where it is installed.
  static var library: String? {
    ["x86_64", "aarch64"].lazy.map { "/usr/lib/\($0)-linux-gnu/libjemalloc.so.2" }
      .first { FileManager.default.fileExists(atPath: $0) }
  }

  /// What a process needs in its environment; of the statistics only the sums over all arenas, as JSON.
  static func environment(_ library: String) -> [String: String] {
    ["LD_PRELOAD": library, "MALLOC_CONF": "stats_print:true,stats_print_opts:Jgdablxe"]
  }

  /// Reads the count from what the process said.
  static func read(from output: String) throws -> Int {
    guard let start = output.range(of: #"{"jemalloc":"#)?.lowerBound else { throw NoAllocationCount() }
    let merged = try JSONDecoder().decode(Statistics.self, from: Data(output[start...].utf8)).jemalloc.arenas.merged
    return merged.small.nrequests + merged.large.nrequests
  }

  private struct Statistics: Decodable {
    var jemalloc: Sums
  }

  private struct Sums: Decodable {
    var arenas: Arenas

    enum CodingKeys: String, CodingKey {
      case arenas = "stats.arenas"
    }
  }

  private struct Arenas: Decodable {
    var merged: Merged
  }

  private struct Merged: Decodable {
    var small: SizeClass
    var large: SizeClass
  }

  private struct SizeClass: Decodable {
    var nrequests: Int
  }
}

/// The process ended without jemalloc's statistics.
struct NoAllocationCount: Error, CustomStringConvertible {
  var description: String { "the worker's log holds no statistics of jemalloc" }
}

/// Nanoseconds of the monotonic clock.
func monotonicNanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
