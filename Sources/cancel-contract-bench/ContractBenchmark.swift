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

/// Typical events.
enum Samples {
  static let time = Timestamp(microseconds: 1_785_402_900_250_125)
  static let source = SourceCoordinates(topic: "order-cancel.requests", partition: 3, offset: 1_234_567)
  static let encoder = ResultEncoder(
    worker: WorkerIdentity(instance: "cancel-worker-0", version: "1.0.0"),
    eventSource: "urn:cancel-worker:cancel-worker-0"
  )
  static let headers = [
    RecordHeader("correlation-id", "8f14e45f-ceea-467a-9575-1d0e1b7a7c11"),
    RecordHeader("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
  ]
  static let small = CancelRequest(cancelID: "c-1234567", orderID: order)
  static let large = CancelRequest(
    cancelID: "5f0c6b1e-0d8c-4c4b-9f57-2a1a6d9b8e11",
    orderID: order,
    account: "desk-fx-options",
    priority: .killSwitch,
    deadline: time + .seconds(60),
    details: details
  )
  private static let details = RequestDetails(
    reason: "gross exposure limit exceeded",
    origin: .init(system: "risk-engine-emea", actor: "svc-risk", algorithm: "twap", desk: "fx-options"),
    campaignID: "kill-2026-07-30-091500",
    decidedAt: time,
    context: JSONText(wellFormed: Array(#"{"strategy":"alpha-7","parent":{"id":9007199254740993}}"#.utf8))
  )
  static let accepted = result(.accepted, problem: nil, context: nil)
  static let rejected = result(
    .rejected,
    problem: Problem(.apiStatus, detail: "the API answered 404 and sent no body", status: 404),
    context: details.context
  )

  static func decode(_ record: OutgoingRecord) -> ReceivedRequest? {
    let decoded = decoder.decode(
      value: record.value, key: record.key, headers: record.headers, source: source, producedAt: time, receivedAt: time)
    guard case .success(.cancel(let received)) = decoded else { return nil }
    return received
  }

  private static let decoder = RequestDecoder(echoedHeaderNames: ["x-desk"])

  private static var order: OrderID {
    guard let order = OrderID(13_902_598) else { preconditionFailure("The sample's order id is positive.") }
    return order
  }

  private static func result(_ outcome: CancelOutcome, problem: Problem?, context: JSONText?) -> CancelResult {
    CancelResult(
      echo: RequestEcho(
        cancelID: large.cancelID,
        source: source,
        key: Array("13902598".utf8),
        echoedHeaders: headers,
        details: RequestDetails(campaignID: details.campaignID, decidedAt: time, context: context)
      ),
      orderID: order,
      account: large.account,
      outcome: outcome,
      token: outcome == .accepted ? "7f1da128-f516-4710-8474-915566c4b22e" : nil,
      problem: problem,
      httpStatus: 200,
      attempts: 1,
      requestIDs: [UUID()],
      stages: .init(produced: time, received: time, firstSent: time, answered: time)
    )
  }
}
