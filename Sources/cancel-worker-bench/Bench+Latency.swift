import Foundation
import Kafka
import Synchronization

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

extension Bench {
  private static let perSecond = 200

  /// A steady 200 requests a second.
  func latency(into report: inout Report) async throws {
    let floor = try await latencyFloor(into: &report)
    for guarantee in Bench.guarantees {
      let stage = try await stage(notesArrivals: true)
      let worker = try await stage.worker(["DELIVERY_GUARANTEE": guarantee])
      let processor = worker.process.cpuMicroseconds
      let threads = worker.process.threadMicroseconds
      let samples = try await steady(stage, watching: stage.names.results)
      let requests = Double(samples.sent)
      report.add(
        "CPU per request at 200/s", guarantee, (worker.process.cpuMicroseconds - processor) / requests, "µs",
        target: guarantee == "exactlyOnce" ? 700 : nil)
      let used = worker.process.threadMicroseconds(since: threads, per: requests)
      for (thread, microseconds) in used.sorted(by: { $0.value > $1.value }) where microseconds >= 20 {
        report.add("CPU per request at 200/s, \(thread)", guarantee, microseconds, "µs")
      }
      worker.process.stop()
      try await stage.clear()
      let call = Percentiles(samples.call)
      let result = Percentiles(samples.result)
      let isExact = guarantee == "exactlyOnce"
      report.add("request→DELETE p50", guarantee, call[0.5], "ms", floor: floor, target: 1)
      report.add("request→DELETE p99", guarantee, call[0.99], "ms", target: 3)
      report.add("request→DELETE p99.9", guarantee, call[0.999], "ms")
      report.add("request→result p50", guarantee, result[0.5], "ms", target: isExact ? 8 : 3)
      report.add("request→result p99", guarantee, result[0.99], "ms", target: isExact ? 20 : 6)
      report.add("request→result p99.9", guarantee, result[0.999], "ms")
    }
  }

  /// A record through Kafka alone: what a request takes to any reader.
  private func latencyFloor(into report: inout Report) async throws -> Double {
    let stage = try await stage()
    let samples = Percentiles(try await steady(stage, watching: stage.names.requests).result)
    try await stage.clear()
    report.add("librdkafka alone, publish to consume p50", "200/s", samples[0.5], "ms")
    report.add("librdkafka alone, publish to consume p99", "200/s", samples[0.99], "ms")
    return samples[0.5]
  }

  private struct Samples {
    /// Requests published, those that warm up included.
    var sent: Int
    var call: [Double] = []
    var result: [Double] = []
  }

  /// Publishes at a steady pace and notes when the calls came, and when the records of `topic` with the same key did.
  private func steady(_ stage: BenchStage, watching topic: String) async throws -> Samples {
    let warmUp = 2 * Bench.perSecond
    let count = 20 / min(scale, 4) * Bench.perSecond + warmUp
    let results = Mutex<[Int: UInt64]>([:])
    let tail = try await KafkaTail.open(
      configuration: stage.watching, topic: topic, from: .end, logger: BenchStage.logger)
    let reading = Task {
      try await tail.run { messages in
        let now = monotonicNanoseconds()
        return results.withLock { results in
          for message in messages {
            if let order = message.key.flatMap({ Int(String(decoding: $0, as: UTF8.self)) }) { results[order] = now }
          }
          return results.count == count ? .stop : .continue
        }
      }
    }
    var sent: [UInt64] = []
    let producer = try KafkaProducer(configuration: stage.kafka, transactionalID: nil, logger: BenchStage.logger)
    let start = ContinuousClock.now
    for number in 0..<count {
      try await ContinuousClock().sleep(until: start + .milliseconds(1000) * number / Bench.perSecond, tolerance: .zero)
      sent.append(monotonicNanoseconds())
      let order = Array("\(number + 1)".utf8)
      try await producer.publish([
        KafkaRecord(topic: stage.names.requests, key: order, value: Array("{\"orderId\":".utf8) + order + [0x7D])
      ])
    }
    try await reading.value
    await producer.close(timeout: .seconds(5))
    let arrivals = stage.stub.arrivals.withLock { $0 }
    let answered = results.withLock { $0 }
    var samples = Samples(sent: count)
    for number in warmUp..<count {
      if let arrival = arrivals[Int64(number + 1)] { samples.call.append(Double(arrival - sent[number]) / 1e6) }
      if let result = answered[number + 1] { samples.result.append(Double(result - sent[number]) / 1e6) }
    }
    return samples
  }
}
