import Foundation
import Kafka
import Synchronization

extension Bench {
  private static let perSecond = 200

  /// A steady 200 requests a second.
  func latency(into report: inout Report) async throws {
    for guarantee in Bench.guarantees {
      let stage = try await stage(notesArrivals: true)
      let worker = try await stage.worker(["DELIVERY_GUARANTEE": guarantee])
      let samples = try await steady(stage, seconds: 20 / min(scale, 4))
      worker.process.stop()
      try await stage.clear()
      let call = Percentiles(samples.call)
      let result = Percentiles(samples.result)
      let isExact = guarantee == "exactlyOnce"
      report.add("request→DELETE p50", guarantee, call[0.5], "ms", target: 1)
      report.add("request→DELETE p99", guarantee, call[0.99], "ms", target: 3)
      report.add("request→DELETE p99.9", guarantee, call[0.999], "ms")
      report.add("request→result p50", guarantee, result[0.5], "ms", target: isExact ? 8 : 3)
      report.add("request→result p99", guarantee, result[0.99], "ms", target: isExact ? 20 : 6)
      report.add("request→result p99.9", guarantee, result[0.999], "ms")
    }
  }

  private struct Samples {
    var call: [Double] = []
    var result: [Double] = []
  }

  private func steady(_ stage: BenchStage, seconds: Int) async throws -> Samples {
    let warmUp = 2 * Bench.perSecond
    let count = seconds * Bench.perSecond + warmUp
    let results = Mutex<[Int: UInt64]>([:])
    let tail = try await KafkaTail.open(
      configuration: stage.kafka, topic: stage.names.results, from: .end, logger: BenchStage.logger)
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
    var samples = Samples()
    for number in warmUp..<count {
      guard let arrival = arrivals[Int64(number + 1)], let result = answered[number + 1] else { continue }
      samples.call.append(Double(arrival - sent[number]) / 1e6)
      samples.result.append(Double(result - sent[number]) / 1e6)
    }
    return samples
  }
}
