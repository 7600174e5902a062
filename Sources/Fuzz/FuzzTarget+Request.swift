import CancelContract

extension FuzzTarget {
  /// Requests, good and spoilt: a good one is read as it was meant, a bad one has one well-formed result.
  public static let request = FuzzTarget(name: "request") { random in
    let request = RandomRequests.request(&random)
    var record = RandomRequests.record(of: request, &random)
    let isGood = random.oneIn(4)
    if !isGood { spoil(&record, &random) }
    let value = record.value ?? []
    switch record.decoded(by: requestDecoder) {
    case .success(let received):
      let violation =
        isGood && received.request != request
        ? "a good request was read as \(received)" : objection(to: received, of: record)
      return verdict(true, unless: violation, input: value)
    case .failure(let unreadable):
      let violation = isGood ? "a good request was refused: \(unreadable.problem)" : objection(to: unreadable)
      return verdict(false, unless: violation, input: value)
    }
  }

  private static let requestDecoder = RequestDecoder(echoedHeaderNames: ["X-Desk"], maximumBytes: 64 * 1024)
  private static let resultEncoder = ResultEncoder(
    worker: WorkerIdentity(instance: "fuzz-0", version: "0"),
    eventSource: "/fuzz"
  )

  private static func spoil(_ record: inout RequestRecord, _ random: inout SplitMix64) {
    switch random.below(20) {
    case 0: record.value = Mutation.noise(&random)
    case 1: record.value = Mutation.nesting(&random)
    case 2: record.value = random.maybe { _ in [] }
    case 3: record.value = RandomValues.value(&random)
    case 4...6:
      let names = ["ce_id", "CE_ID", "ce_specversion", "ce_source", "ce_type", "content-type", "x-desk", "\u{0}", ""]
      for _ in 0...random.below(40) {
        let value = random.oneIn(2) ? Mutation.noise(&random) : Array(random.pick(["1.0", "x", "application/"]).utf8)
        record.headers.append(RecordHeader(name: random.pick(names), value: random.oneIn(9) ? nil : value))
      }
      fallthrough
    default: record.value = record.value.map { Mutation.spoil($0, &random) }
    }
  }

  private static func objection(to received: ReceivedRequest, of record: RequestRecord) -> String? {
    if received.request.cancelID.isEmpty { return "the request has no id" }
    if received.echoedHeaders.count > 32 { return "too many headers are echoed" }
    if let context = received.request.context, (try? JSONText(checking: context.utf8)) != context {
      return "the context is not JSON"
    }
    return FoundationOracle.objection(record.value ?? [])
  }

  private static func objection(to unreadable: UnreadableRequest) -> String? {
    if unreadable.cancelID.isEmpty { return "the request has no id" }
    if unreadable.problem.problemType == nil { return "the problem has no type of ours: \(unreadable.problem)" }
    if (unreadable.problem.detail ?? "").isEmpty { return "the problem has no detail" }
    let result = unreadable.result(answeredAt: unreadable.receivedAt)
    return objection(to: result, as: resultEncoder.encode(result))
  }

  /// What is wrong with a result's record: it must be JSON and be read back as the same result.
  static func objection(to result: CancelResult, as record: OutgoingRecord) -> String? {
    if let objection = FoundationOracle.objection(record.value ?? []) { return objection }
    do {
      let event = try ResultDecoder().decode(value: record.value, key: record.key, headers: record.headers)
      return event.result == result ? nil : "the result was read back as \(event.result)"
    } catch {
      return "the result can't be read back: \(error)"
    }
  }
}
