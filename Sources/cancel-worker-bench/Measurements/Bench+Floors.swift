import Foundation
import Kafka

extension Bench {
  static let httpFloor = "HTTP client alone"
  static let kafkaFloor = "librdkafka alone, produce and consume"

  /// The clients alone against the stub, and librdkafka alone.
  func floors(into report: inout Report) async throws {
    let calls = 200_000 / scale
    for (name, flags) in [(Bench.httpFloor, []), ("async-http-client alone", ["--async-http-client"])] {
      let stub = try await StubAPI(delay: .zero, notesArrivals: false)
      let figures = try httpClient(
        ["http-client", "--url", stub.baseURL, "--calls", "\(calls)", "--in-flight", "64"] + flags)
      try await stub.stop()
      report.add(name, "64 in flight", Double(figures.calls) / figures.seconds, "calls/s")
      report.add(name, "CPU", figures.processorSeconds * 1e6 / Double(figures.calls), "µs/call")
    }
    let stage = try await stage()
    let start = monotonicNanoseconds()
    try await stage.send(0..<calls)
    let produced = monotonicNanoseconds()
    _ = try await KafkaPartitionReader.readToEnd(
      configuration: stage.kafka, topic: stage.names.requests,
      from: Dictionary(uniqueKeysWithValues: (0..<Int32(stage.partitions)).map { ($0, 0) }), logger: BenchStage.logger
    ) { _ in }
    let consumed = monotonicNanoseconds()
    report.add(Bench.kafkaFloor, "", Double(calls) / (Double(consumed - start) / 1e9), "records/s")
    report.add("librdkafka alone, consume", "", Double(calls) / (Double(consumed - produced) / 1e9), "records/s")
    try await stage.clear()
  }

  private func httpClient(_ arguments: [String]) throws -> HTTPClientFigures {
    let process = Process()
    let output = Pipe()
    process.executableURL = ownBinary
    process.arguments = arguments
    process.standardOutput = output
    try process.run()
    let said = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return try JSONDecoder().decode(HTTPClientFigures.self, from: said)
  }
}
