import CancelContract
import Foundation

/// The events whose records stand in `Golden/`, one folder member each: `<name>.value.json` and `<name>.headers.txt`.
enum Golden {
  static let worker = WorkerIdentity(instance: "worker-0", version: "1.0.0")
  static let eventSource = "urn:cancel-worker:worker-0"
  static let source = SourceCoordinates(topic: "order-cancel.requests", partition: 3, offset: 42)
  static let context = JSONText(
    wellFormed: Array(#"{ "strategy" : "α-7", "legs": [1.50, {"n":9007199254740993}] }"#.utf8))
  static let echoed = [
    RecordHeader("correlation-id", "8f14e45f"),
    RecordHeader("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
  ]
  static let key = Array("13902598".utf8)

  struct NamedResult: Sendable {
    var name: String
    var result: CancelResult
  }

  struct NamedProgress: Sendable {
    var name: String
    var event: ProgressEvent
  }

  struct NamedRequest: Sendable {
    var name: String
    var request: CancelRequest
    var format: RequestEncoder.Format
  }

  static func order(_ value: Int64) -> OrderID {
    guard let order = OrderID(value) else { preconditionFailure("The golden events use positive order ids.") }
    return order
  }

  static func time(_ microseconds: Int64) -> Timestamp {
    Timestamp(microseconds: 1_785_402_900_000_000 + microseconds)
  }
}

extension Golden {
  static let requests = [
    NamedRequest(
      name: "request-minimal",
      request: CancelRequest(cancelID: "c-1", orderID: order(13_902_598)),
      format: .plain
    ),
    NamedRequest(name: "request-full", request: full, format: .plain),
    NamedRequest(name: "request-cloudevent", request: full, format: .cloudEvent(source: "urn:risk-engine:7")),
  ]

  static let full = CancelRequest(
    cancelID: "kill-2026-07-30/0001",
    orderID: order(.max),
    account: "desk-fx",
    priority: .killSwitch,
    deadline: time(60_000_000),
    details: details
  )

  static let details = RequestDetails(
    reason: "limit \"gross\" hit\n– stop",
    origin: .init(system: "risk-engine", actor: "ann", algorithm: "twap", desk: "fx"),
    campaignID: "kill-2026-07-30",
    decidedAt: time(0),
    context: context,
    venue: "XETR",
    campaignSize: 40,
    wantsConfirmation: true
  )
}

extension Golden {
  static let accepted = NamedResult(
    name: "result-accepted",
    result: answer(.accepted, status: 200, token: "7f1da128-f516-4710-8474-915566c4b22e")
  )

  static let results = [
    accepted,
    NamedResult(
      name: "result-rejected",
      result: answer(
        .rejected,
        status: 404,
        problem: Problem(
          json: JSONText(
            wellFormed: Array(#"{"title":"Not Found","status":404,"detail":null,"traceId":"00-4bf9"}"#.utf8))
        )
      )
    ),
    NamedResult(
      name: "result-expired",
      result: answer(
        .expired,
        problem: Problem(.deadlinePassed, detail: "the deadline passed while the quota was used up")
      )
    ),
    NamedResult(
      name: "result-failed",
      result: answer(
        .failed,
        status: 401,
        problem: Problem(
          .credentialRefused,
          detail: "the API refuses the account's credential: renew it",
          status: 401,
          since: time(-5_000_000)
        )
      )
    ),
    NamedResult(name: "result-duplicate", result: duplicate),
    NamedResult(name: "result-audited", result: audited),
    NamedResult(name: "result-invalid", result: invalid),
  ]

  static func answer(
    _ outcome: CancelOutcome,
    status: Int? = nil,
    token: String? = nil,
    problem: Problem? = nil
  ) -> CancelResult {
    CancelResult(
      echo: echo,
      orderID: order(13_902_598),
      account: "desk-fx",
      outcome: outcome,
      token: token,
      problem: problem,
      httpStatus: status,
      attempts: status == nil ? 0 : 1,
      requestIDs: status == nil ? [] : [requestID],
      stages: .init(
        produced: time(2000),
        received: time(3250),
        firstSent: status == nil ? nil : time(3900),
        answered: time(31_007)
      )
    )
  }

  /// What the golden results and progress events repeat.
  static let echo = RequestEcho(
    cancelID: "kill-2026-07-30/0001",
    source: source,
    key: key,
    echoedHeaders: echoed,
    details: RequestDetails(campaignID: "kill-2026-07-30", decidedAt: time(0), context: context)
  )

  static let requestID = UUID(
    uuid: (0x84, 0x28, 0x80, 0xA3, 0xF5, 0xA6, 0x4C, 0xFC, 0x88, 0xA8, 0x31, 0xE1, 0x42, 0xCE, 0xA7, 0x39)
  )

  /// A result that repeats every member that a request may have.
  private static var audited: CancelResult {
    var result = answer(.accepted, status: 200)
    result.echo.details = details
    return result
  }

  private static var duplicate: CancelResult {
    var result = answer(.accepted, status: 200)
    result.echo.cancelID = "c-2"
    result.deduplicated = true
    result.duplicateOf = "kill-2026-07-30/0001"
    result.echo.source.offset = 57
    return result
  }

  private static var invalid: CancelResult {
    CancelResult(
      echo: RequestEcho(cancelID: "order-cancel.requests/3/42", source: source),
      orderID: nil,
      account: nil,
      outcome: .invalid,
      problem: Problem(.orderIDMissing, detail: "`orderId` is missing", member: "orderId"),
      stages: .init(produced: time(2000), received: time(3250), answered: time(3300))
    )
  }
}

extension Golden {
  static let waiting = NamedProgress(
    name: "progress-quota",
    event: ProgressEvent(
      echo: waitingEcho,
      orderID: order(13_902_598),
      account: "desk-fx",
      reason: .quota,
      place: 21,
      estimatedAt: time(60_000_000),
      waitingSince: time(3250),
      reportedAt: time(5_003_250),
      sequence: 1
    )
  )

  /// A progress event's record has no other details.
  private static var waitingEcho: RequestEcho {
    var echo = echo
    echo.details = RequestDetails(campaignID: echo.details.campaignID, context: echo.details.context)
    return echo
  }

  static let progress = [
    waiting,
    NamedProgress(
      name: "progress-outage",
      event: ProgressEvent(
        echo: RequestEcho(cancelID: "c-1", source: source),
        orderID: order(7),
        account: "default",
        reason: .outage,
        place: 1,
        waitingSince: time(3250),
        reportedAt: time(9_000_000),
        sequence: 2
      )
    ),
  ]
}
