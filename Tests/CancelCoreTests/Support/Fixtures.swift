import CancelContract
import CancelCore
import FoundationEssentials

/// A point in virtual time: seconds after a fixed start.
func at(_ seconds: Double) -> Timestamp {
  Timestamp(microseconds: 1_700_000_000_000_000 + Int64((seconds * 1_000_000).rounded()))
}

extension Assignment {
  /// Partition 0 under the group's first assignment.
  static let first = Assignment(partition: 0, number: 1)
}

/// A deterministic generator of request ids.
struct RequestIDs {
  private var random: SplitMix64

  init(seed: UInt64 = 1) {
    random = SplitMix64(seed: seed)
  }

  mutating func next() -> UUID {
    var bytes: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    withUnsafeMutableBytes(of: &bytes) { bytes in
      for index in bytes.indices { bytes[index] = UInt8.random(in: 0...255, using: &random) }
    }
    return UUID(uuid: bytes)
  }
}

extension ReceivedRequest {
  /// A request as the tests need it.
  static func make(
    order: Int64,
    account: AccountName? = nil,
    priority: Priority = .routine,
    deadline: Timestamp? = nil,
    partition: Int32 = 0,
    offset: Int64,
    producedAt: Timestamp,
    receivedAt: Timestamp? = nil,
    cancelID: String? = nil
  ) -> ReceivedRequest {
    guard let orderID = OrderID(order) else { preconditionFailure("An order id is positive.") }
    let request = CancelRequest(
      cancelID: cancelID ?? "c\(partition)-\(offset)", orderID: orderID, account: account, priority: priority,
      deadline: deadline)
    return ReceivedRequest(
      request: request, source: SourceCoordinates(topic: "requests", partition: partition, offset: offset),
      producedAt: producedAt, receivedAt: receivedAt ?? producedAt)
  }
}

extension CancelAnswer {
  static func accepted(token: String? = "token", rateLimit: RateLimit? = nil) -> CancelAnswer {
    CancelAnswer(kind: .accepted, httpStatus: 200, token: token, rateLimit: rateLimit)
  }

  static func make(_ kind: Kind, _ status: Int?, rateLimit: RateLimit? = nil) -> CancelAnswer {
    let type: ProblemType = status == nil ? .apiUnreachable : .apiStatus
    return CancelAnswer(
      kind: kind, httpStatus: status, problem: Problem(type, detail: "fault \(status ?? 0)", status: status),
      rateLimit: rateLimit)
  }

  static let rejected = CancelAnswer.make(.rejected, 404)
  static let refused = CancelAnswer.make(.credentialRefused, 401)
  /// A 403 without a body.
  static let perhapsRefused = {
    var answer = CancelAnswer.make(.credentialRefused, 403)
    answer.isUncertain = true
    return answer
  }()
  /// An answer that is no HTTP.
  static let unreadable = {
    var answer = CancelAnswer.make(.ambiguous, nil)
    answer.isConnectionFault = true
    return answer
  }()
  static let unavailable = CancelAnswer.make(.transient, 503)
  static let unreachable = CancelAnswer.make(.transient, nil)
  static let timedOut = CancelAnswer.make(.ambiguous, nil)

  static func throttled(retryAfter: Duration? = nil) -> CancelAnswer {
    .make(.throttled, 429, rateLimit: retryAfter.map { RateLimit(retryAfter: $0) })
  }
}
