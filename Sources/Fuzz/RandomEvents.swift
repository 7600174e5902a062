import CancelContract
import CancelCore
import Foundation

/// A record on the requests topic.
struct RequestRecord {
  var value: [UInt8]?
  var key: [UInt8]?
  var headers: [RecordHeader]
  var source: SourceCoordinates
  var producedAt: Timestamp
  var receivedAt: Timestamp

  func decoded(by decoder: RequestDecoder) -> Result<IncomingRequest, UnreadableRequest> {
    decoder.decode(
      value: value,
      key: key,
      headers: headers,
      source: source,
      producedAt: producedAt,
      receivedAt: receivedAt
    )
  }
}

/// Random requests and the records that carry them.
enum RandomRequests {
  static func request(_ random: inout SplitMix64) -> CancelRequest {
    CancelRequest(
      cancelID: RandomValues.text(&random, limit: 256, atLeast: 1, controls: false),
      orderID: RandomValues.orderID(&random),
      account: random.maybe(RandomValues.account),
      priority: random.pick(Priority.allCases),
      deadline: random.maybe(RandomValues.timestamp),
      details: details(&random)
    )
  }

  /// What requests say of themselves and results repeat.
  static func details(_ random: inout SplitMix64) -> RequestDetails {
    RequestDetails(
      reason: random.maybe { RandomValues.text(&$0, limit: 1024) },
      origin: random.maybe { random in
        let field = { (random: inout SplitMix64) in RandomValues.text(&random, limit: 256, controls: false) }
        return .init(
          system: random.maybe(field),
          actor: random.maybe(field),
          algorithm: random.maybe(field),
          desk: random.maybe(field)
        )
      },
      campaignID: random.maybe { RandomValues.text(&$0, limit: 256, controls: false) },
      decidedAt: random.maybe(RandomValues.timestamp),
      context: random.maybe { RandomValues.object(&$0) },
      venue: random.maybe { RandomValues.text(&$0, limit: 1024) },
      campaignSize: random.maybe { $0.below(1_000_000) + 1 },
      wantsConfirmation: random.oneIn(4)
    )
  }

  /// A record that carries `request`, spelt in one of many ways.
  static func record(of request: CancelRequest, _ random: inout SplitMix64) -> RequestRecord {
    var record = RequestRecord(
      key: RandomValues.key(&random),
      headers: RandomValues.echoedHeaders(&random),
      source: RandomValues.source(&random),
      producedAt: RandomValues.timestamp(&random),
      receivedAt: RandomValues.timestamp(&random)
    )
    let format: RequestEncoder.Format = random.oneIn(2) ? .plain : .cloudEvent(source: "/fuzz")
    switch random.below(4) {
    case 0:
      let encoded = RequestEncoder(format).encode(request, at: record.receivedAt, headers: record.headers)
      record.value = encoded.value
      record.headers = encoded.headers
    case 1: record.value = spelt(request, &random)
    default:
      record.value = event(request, &random)
      let type = random.pick(["application/cloudevents+json", "Application/CloudEvents+JSON; charset=UTF-8"])
      record.headers.append(RecordHeader("Content-Type", type))
    }
    return record
  }

  private static func spelt(_ request: CancelRequest, _ random: inout SplitMix64) -> [UInt8] {
    var members: [(name: String, value: [UInt8])] = [("cancelId", JSONSpelling.string(request.cancelID, &random))]
    let order = request.orderID.description
    members.append(("orderId", random.oneIn(2) ? JSONSpelling.string(order, &random) : Array(order.utf8)))
    if request.priority != .routine || random.oneIn(2) {
      members.append(("priority", JSONSpelling.string(request.priority.name, &random)))
    }
    if let account = request.account {
      members.append(("account", JSONSpelling.string(account.description, &random)))
    }
    let details = request.details
    let texts = [("reason", details.reason), ("campaignId", details.campaignID), ("venue", details.venue)]
    let times = [("decidedAt", details.decidedAt?.rfc3339), ("deadline", request.deadline?.rfc3339)]
    for (name, text) in texts + times {
      if let text {
        members.append((name, JSONSpelling.string(text, &random)))
      } else if random.oneIn(4) {
        members.append((name, Array("null".utf8)))
      }
    }
    if let origin = details.origin {
      let fields = [
        ("system", origin.system), ("actor", origin.actor), ("algorithm", origin.algorithm), ("desk", origin.desk),
      ]
      let present = fields.compactMap { name, text in text.map { (name, JSONSpelling.string($0, &random)) } }
      members.append(("origin", JSONSpelling.object(present, &random)))
    }
    if let context = details.context { members.append(("context", context.utf8)) }
    if let size = details.campaignSize { members.append(("campaignSize", Array("\(size)".utf8))) }
    if details.wantsConfirmation || random.oneIn(4) {
      members.append(("confirm", Array("\(details.wantsConfirmation)".utf8)))
    }
    for _ in 0..<random.below(3) {
      members.append(("x" + RandomValues.text(&random, limit: 8), RandomValues.value(&random)))
    }
    return JSONSpelling.object(members, &random)
  }

  private static func event(_ request: CancelRequest, _ random: inout SplitMix64) -> [UInt8] {
    let data = spelt(request, &random)
    var members: [(name: String, value: [UInt8])] = [
      ("specversion", "1.0"), ("id", "e-1"), ("source", "/fuzz"), ("type", "cancel-worker.request.v1"),
    ].map { ($0.0, JSONSpelling.string($0.1, &random)) }
    if random.oneIn(3) {
      members.append(("data_base64", JSONSpelling.string(Data(data).base64EncodedString(), &random)))
    } else {
      members.append(("data", data))
    }
    if random.oneIn(2) { members.append(("datacontenttype", Array("\"application/json\"".utf8))) }
    return JSONSpelling.object(members, &random)
  }
}

/// Random results, progress events and problems.
enum RandomResults {
  static func problem(_ random: inout SplitMix64) -> Problem {
    guard random.oneIn(3) else {
      return Problem(
        random.pick(ProblemType.allCases),
        detail: RandomValues.text(&random, limit: 200),
        status: random.maybe { 100 + $0.below(500) },
        member: random.maybe { RandomValues.text(&$0, limit: 16) },
        since: random.maybe(RandomValues.timestamp)
      )
    }
    return Problem(json: RandomValues.object(&random))
  }

  static func result(_ random: inout SplitMix64) -> CancelResult {
    CancelResult(
      echo: echo(RandomRequests.details(&random), &random),
      orderID: random.maybe(RandomValues.orderID),
      account: random.maybe(RandomValues.account),
      outcome: random.pick(CancelOutcome.allCases),
      token: random.maybe { RandomValues.text(&$0, limit: 40) },
      problem: random.maybe(problem),
      httpStatus: random.maybe { $0.below(1000) },
      attempts: random.below(100),
      requestIDs: (0..<random.below(4)).map { _ in RandomValues.uuid(&random) },
      deduplicated: random.oneIn(2),
      duplicateOf: random.maybe { RandomValues.text(&$0, limit: 40) },
      stages: .init(
        produced: RandomValues.timestamp(&random),
        received: RandomValues.timestamp(&random),
        firstSent: random.maybe(RandomValues.timestamp),
        answered: RandomValues.timestamp(&random)
      )
    )
  }

  private static func echo(_ details: RequestDetails, _ random: inout SplitMix64) -> RequestEcho {
    RequestEcho(
      cancelID: RandomValues.text(&random, limit: 256),
      source: RandomValues.source(&random),
      key: RandomValues.key(&random),
      echoedHeaders: RandomValues.echoedHeaders(&random),
      details: details
    )
  }

  static func progress(_ random: inout SplitMix64) -> ProgressEvent {
    // The record of a progress event holds no other details.
    let details = RequestDetails(
      campaignID: random.maybe { RandomValues.text(&$0, limit: 40) },
      context: random.maybe { RandomValues.object(&$0) }
    )
    return ProgressEvent(
      echo: echo(details, &random),
      orderID: RandomValues.orderID(&random),
      account: RandomValues.account(&random),
      reason: random.pick(ProgressEvent.Reason.allCases),
      place: 1 + random.below(1_000_000),
      estimatedAt: random.maybe(RandomValues.timestamp),
      waitingSince: RandomValues.timestamp(&random),
      reportedAt: RandomValues.timestamp(&random),
      sequence: 1 + random.below(100)
    )
  }
}
