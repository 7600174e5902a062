import Foundation

/// The real worker in a process of its own, with what the kernel counts of it.
final class MeasuredProcess {
  private let process = Process()

  init(binary: URL, arguments: [String], environment: [String: String], log: URL) throws {
    _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    let handle = try FileHandle(forWritingTo: log)
    process.executableURL = binary
    process.arguments = arguments
    process.environment = environment.merging(["PATH": "/usr/bin:/bin"]) { given, _ in given }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = handle
    process.standardError = handle
    try process.run()
  }

  var isRunning: Bool { process.isRunning }

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
