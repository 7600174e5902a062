import Foundation

/// What a process holds at one time, from `/proc`.
struct ProcessSample: CustomStringConvertible {
  var residentKilobytes: Int
  var threads: Int
  var descriptors: Int

  init(of processID: Int32) throws {
    let folder = "/proc/\(processID)"
    let status = try String(contentsOfFile: "\(folder)/status", encoding: .utf8)
    func number(_ name: String) -> Int {
      let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
      return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
    }
    residentKilobytes = number("VmRSS")
    threads = number("Threads")
    descriptors = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/fd").count
  }

  private init(residentKilobytes: Int, threads: Int, descriptors: Int) {
    self.residentKilobytes = residentKilobytes
    self.threads = threads
    self.descriptors = descriptors
  }

  /// Each figure's median.
  static func median(_ samples: some Collection<ProcessSample>) -> ProcessSample {
    func median(_ figure: (ProcessSample) -> Int) -> Int {
      let sorted = samples.map(figure).sorted()
      return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }
    return ProcessSample(
      residentKilobytes: median(\.residentKilobytes), threads: median(\.threads), descriptors: median(\.descriptors))
  }

  var description: String { "resident=\(residentKilobytes)kB threads=\(threads) descriptors=\(descriptors)" }
}
