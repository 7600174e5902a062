import CancelContract
import Foundation

/// Measures what the contract costs on the hot path: processor time of this thread, best of several rounds.
@main
struct ContractBenchmark {
  static func main() throws {
    let iterations = CommandLine.arguments.dropFirst().first.flatMap(Int.init) ?? 200_000
    print("operation                       bytes   ns/op")
    for format in [RequestEncoder.Format.plain, .cloudEvent(source: "urn:risk-engine:7")] {
      let name = format == .plain ? "plain" : "CloudEvent"
      for request in [Samples.small, Samples.large] {
        let record = RequestEncoder(format).encode(request, at: Samples.time, headers: Samples.headers)
        let size = record.value?.count ?? 0
        let label = "\(request == Samples.small ? "small" : "full") \(name)"
        measure("decode request, \(label)", size, iterations) { Samples.decode(record) == nil ? 0 : 1 }
      }
    }
    for (label, result) in [("accepted", Samples.accepted), ("rejected, full", Samples.rejected)] {
      let size = Samples.encoder.encode(result).value?.count ?? 0
      measure("encode result, \(label)", size, iterations) { Samples.encoder.encode(result).headers.count }
    }
    measure("event id", 0, iterations) { Int(EventIdentity.result(of: Samples.source).uuid.0) }
  }

  private static func measure(_ name: String, _ bytes: Int, _ iterations: Int, _ body: () -> Int) {
    var best = UInt64.max
    var sum = 0
    for _ in 0..<7 {
      let start = processorTime()
      for _ in 0..<iterations { sum &+= body() }
      best = min(best, (processorTime() - start) / UInt64(iterations))
    }
    precondition(sum > 0, "The work must not be optimised away.")
    let pad = { (text: String, width: Int) in String(repeating: " ", count: max(0, width - text.count)) + text }
    print(name + pad("\(bytes)", 37 - name.count) + pad("\(best)", 8))
  }

  /// Nanoseconds of processor time that this thread has used.
  private static func processorTime() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
