import CancelContract
import Foundation

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
