import Foundation
import Kafka

extension Bench {
  static let httpFloor = "HTTP client alone"
  static let ordinaryClient = "async-http-client alone"
  static let kafkaFloor = "librdkafka alone, produce and consume"

  /// The clients alone against the stub, and librdkafka alone.
  func floors(into report: inout Report) async throws {
    let calls = 200_000 / scale
    for (name, flags) in [(Bench.httpFloor, []), (Bench.ordinaryClient, ["--async-http-client"])] {
      let stub = try await StubAPI(delay: .zero, notesArrivals: false)
      let before = try await stub.processorMicroseconds
      let figures = try await httpClient(stub, calls, inFlight: 64, flags)
      let stubCost = try await stub.processorMicroseconds - before
      try await stub.stop()
      report.add(name, "64 in flight", figures.perSecond, "calls/s")
      report.add(name, "CPU", figures.processorMicroseconds, "µs/call")
      guard flags.isEmpty else { continue }
      // The client warms up with as many calls as it measures.
      report.add("stand-in for the API", "a core's worth", 2e6 * Double(calls) / stubCost, "calls/s")
      let slow = try await StubAPI(delay: .milliseconds(20), notesArrivals: false)
      let waiting = try await httpClient(slow, calls / 2, inFlight: 256, [])
      try await slow.stop()
      report.add(name, "256 in flight, 20 ms", waiting.perSecond, "calls/s")
    }
    try await kafkaFloor(calls, into: &report)
  }

  private func kafkaFloor(_ records: Int, into report: inout Report) async throws {
    let stage = try await stage()
    let start = monotonicNanoseconds()
    try await stage.send(1..<records + 1)
    let produced = Double(monotonicNanoseconds() - start) / 1e9
    let consumed = try await secondsToRead(stage.names.requests, of: stage)
    report.add(Bench.kafkaFloor, "", Double(records) / (produced + consumed), "records/s")
    report.add("librdkafka alone, consume", "", Double(records) / consumed, "records/s")
    try await stage.clear()
  }

  /// How long our Kafka module takes to read a topic and to do nothing with it.
  func secondsToRead(_ topic: String, of stage: BenchStage) async throws -> Double {
    let start = monotonicNanoseconds()
    _ = try await KafkaPartitionReader.readToEnd(
      configuration: stage.kafka, topic: topic,
      from: Dictionary(uniqueKeysWithValues: (0..<Int32(stage.partitions)).map { ($0, 0) }), logger: BenchStage.logger
    ) { _ in }
    return Double(monotonicNanoseconds() - start) / 1e9
  }

  /// Runs the HTTP client in a process of its own.
  func httpClient(_ stub: StubAPI, _ calls: Int, inFlight: Int, _ flags: [String]) async throws -> HTTPClientFigures {
    let process = Process()
    let output = Pipe()
    process.executableURL = ownBinary
    process.arguments =
      ["http-client", "--url", stub.baseURL, "--calls", "\(calls)", "--in-flight", "\(inFlight)"] + flags
    process.standardOutput = output
    try process.run()
    let said = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return try JSONDecoder().decode(HTTPClientFigures.self, from: said)
  }
}
