import CancelAPI
import CancelContract
import CancelService
import FoundationEssentials
import InMemoryLogging

@testable import CancelCore
@testable import Operations

/// Values for the tests of those who watch the worker.
enum Sample {
  static let start = Timestamp(milliseconds: 1_700_000_000_000)

  static func orderID(_ number: Int64) -> OrderID {
    guard let id = OrderID(number) else { preconditionFailure("Sample orders are positive.") }
    return id
  }

  static func request(
    _ offset: Int64, order: Int64 = 1, account: AccountName? = nil, priority: Priority = .routine,
    partition: Int32 = 0, headers: [RecordHeader] = []
  ) -> ReceivedRequest {
    ReceivedRequest(
      request: CancelRequest(
        cancelID: "cancel-\(offset)", orderID: orderID(order), account: account, priority: priority),
      source: SourceCoordinates(topic: "requests", partition: partition, offset: offset),
      producedAt: start, receivedAt: start + .milliseconds(1), echoedHeaders: headers)
  }

  static func call(
    _ number: UInt64, order: Int64 = 1, account: AccountName = "default", attempt: Int = 1,
    headers: [RecordHeader] = []
  ) -> Call {
    Call(
      id: CallID(number: number), orderID: orderID(order), account: account, requestID: UUID(), priority: .routine,
      producedAt: start, receivedAt: start, attempt: attempt, isFirst: attempt == 1,
      lateness: .zero, headers: headers)
  }

  static func result(
    _ offset: Int64, order: Int64? = 1, account: AccountName? = "default", outcome: CancelOutcome = .accepted,
    attempts: Int = 1, deduplicated: Bool = false, partition: Int32 = 0, headers: [RecordHeader] = []
  ) -> CancelResult {
    CancelResult(
      echo: RequestEcho(
        cancelID: "cancel-\(offset)",
        source: SourceCoordinates(topic: "requests", partition: partition, offset: offset), echoedHeaders: headers),
      orderID: order.map(orderID), account: account, outcome: outcome,
      httpStatus: outcome == .accepted ? 200 : outcome == .rejected ? 404 : nil, attempts: attempts,
      deduplicated: deduplicated,
      stages: CancelResult.Stages(
        produced: start, received: start + .milliseconds(1),
        firstSent: attempts > 0 ? start + .milliseconds(2) : nil, answered: start + .milliseconds(7)))
  }

  static func accounts() throws -> Accounts {
    Accounts([
      try Account(
        name: "default", environment: .demo,
        credential: .keyPair(apiKey: Secret("canary-api-key"), userKey: Secret("canary-user-key-1"))),
      try Account(
        name: "fund", environment: .real,
        credential: .keyPair(apiKey: Secret("canary-api-key"), userKey: Secret("canary-user-key-2"))),
    ])
  }

  static func snapshot(_ state: WorkerSnapshot.State = .running) -> WorkerSnapshot {
    WorkerSnapshot(
      takenAt: start + .seconds(90), startedAt: start, version: "1.2.3", instance: "worker-0", state: state)
  }

  static func key(_ digest: String, free: Int? = 20, waiting: Int = 0) -> KeySnapshot {
    var key = KeySnapshot(digest: digest, environment: "demo", accounts: ["default"])
    key.freeCalls = free
    key.limit = 20
    key.waiting = waiting
    return key
  }
}

extension InMemoryLogHandler.Entry {
  /// The metadata as text.
  var facts: [String: String] { metadata.mapValues(\.description) }
}

extension PrometheusRegistry {
  /// The sample's value in the text; `nil` where there is no such line.
  func sample(_ series: String, _ format: ExpositionFormat = .text) -> Double? {
    exposition(format).split(separator: "\n").first { $0.hasPrefix("\(series) ") }
      .flatMap { Double($0.dropFirst(series.count + 1)) }
  }
}
