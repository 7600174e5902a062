import CancelContract
import CancelCore
import Foundation

extension FuzzTarget {
  /// Results: read back as they were written; spoilt ones are read or refused.
  public static let result = FuzzTarget(name: "result") { random in
    let result = RandomResults.result(&random)
    let record = ResultEncoder(worker: worker, eventSource: "/fuzz").encode(result)
    guard random.oneIn(2) else {
      return verdict(true, unless: objection(to: result, as: record), input: record.value ?? [])
    }
    let value = Mutation.spoil(record.value ?? [], &random)
    let isRead = (try? ResultDecoder().decode(value: value, key: record.key, headers: record.headers)) != nil
    return verdict(isRead, unless: isRead ? FoundationOracle.objection(value) : nil, input: value)
  }

  /// Progress events: read back as they were written; spoilt ones are read or refused.
  public static let progress = FuzzTarget(name: "progress") { random in
    let progress = RandomResults.progress(&random)
    let record = ProgressEncoder(worker: worker, eventSource: "/fuzz").encode(progress)
    guard random.oneIn(2) else {
      let event = try? ProgressDecoder().decode(value: record.value, key: record.key, headers: record.headers)
      let violation = event?.progress == progress ? nil : "the event was read back as \(event as Any)"
      return verdict(true, unless: violation, input: record.value ?? [])
    }
    let value = Mutation.spoil(record.value ?? [], &random)
    let isRead = (try? ProgressDecoder().decode(value: value, key: record.key, headers: record.headers)) != nil
    return verdict(isRead, unless: isRead ? FoundationOracle.objection(value) : nil, input: value)
  }

  /// The API's answers: whatever comes, the problem is an object that a result can carry.
  public static let problem = FuzzTarget(name: "problem") { random in
    var body = random.oneIn(8) ? Mutation.noise(&random) : RandomResults.problem(&random).json.utf8
    if random.oneIn(9) { body = Mutation.nesting(&random) }
    if random.oneIn(2) { body = Mutation.spoil(body, &random) }
    let problem = Problem(apiBody: body, status: 400 + random.below(200))
    let isKept = problem.problemType != .apiStatus
    _ = (problem.title, problem.detail, problem.status)
    var result = RandomResults.result(&random)
    result.problem = problem
    let record = ResultEncoder(worker: worker, eventSource: "/fuzz").encode(result)
    return verdict(isKept, unless: objection(to: result, as: record), input: body)
  }

  /// JSON: the ways to read it agree with each other and with Foundation.
  public static let json = FuzzTarget(name: "json") { random in
    var text = random.oneIn(8) ? Mutation.nesting(&random) : RandomValues.value(&random)
    let isSpoilt = random.oneIn(2)
    if isSpoilt { text = Mutation.spoil(text, &random) }
    let checked = Result { () throws(JSONFault) in try JSONText(checking: text) }
    let value = Result { () throws(JSONFault) in try JSONValue(text) }
    switch (checked, value) {
    case (.success, .success): return verdict(true, unless: FoundationOracle.objection(text), input: text)
    case (.failure(let one), .failure(let other)) where one == other:
      let isPlausible = one.offset <= text.count && one.line > 0 && one.column > 0
      return verdict(false, unless: isPlausible ? nil : "the fault has no place: \(one)", input: text)
    default: return verdict(false, unless: "the ways to read it differ: \(checked), \(value)", input: text)
    }
  }

  private static let worker = WorkerIdentity(instance: "fuzz-0", version: "0")
}

extension FuzzTarget {
  /// Requests, good and spoilt: a good one is read as it was meant, a bad one has one well-formed result.
  public static let request = FuzzTarget(name: "request") { random in
    let request = RandomRequests.request(&random)
    var record = RandomRequests.record(of: request, &random)
    let isGood = random.oneIn(4)
    if !isGood { spoil(&record, &random) }
    let value = record.value ?? []
    switch record.decoded(by: requestDecoder) {
    case .success(.sweep(let received)):
      // None of the good ones is a sweep.
      return verdict(true, unless: isGood ? "a good request was read as \(received)" : nil, input: value)
    case .success(.cancel(let received)):
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
    if let context = received.request.details.context, (try? JSONText(checking: context.utf8)) != context {
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

extension FuzzTarget {
  /// Ledger records, good and spoilt: a good one is restored and written again, a bad one is refused or does no harm.
  public static let ledger = FuzzTarget(name: "ledger") { random in
    let now = Timestamp(microseconds: 1_785_402_900_000_000)
    guard let entry = record(&random, at: now) else { return .refused }
    let isGood = random.oneIn(4)
    var (key, value) = (entry.key, entry.value)
    if !isGood {
      if random.oneIn(4) {
        key = Mutation.spoil(key, &random)
      } else {
        value = value.map { Mutation.spoil($0, &random) }
      }
    }
    var engine = engine(at: now)
    engine.assign(assignment)
    do {
      try engine.restore(assignment, key: key, value: value, at: now)
    } catch {
      return verdict(
        false, unless: isGood ? "a good record was refused: \(error)" : nil, input: key + [0] + (value ?? []))
    }
    // What was read must be something that the engine can go on with.
    engine.restored(assignment, position: 1, at: now)
    var later = now
    for _ in 0..<4 {
      while engine.nextCall(at: later, requestID: UUID.random) != nil {}
      if engine.nextBatch() != nil { engine.committed() }
      later = later + .seconds(100_000)
      engine.advance(to: later)
    }
    return verdict(true, unless: nil, input: key)
  }

  private static let assignment = Assignment(partition: 0, number: 1)

  private static func engine(at now: Timestamp) -> CancelEngine {
    var engine = CancelEngine(policy: CancelPolicy(), defaultAccount: "default", seed: 1)
    engine.configure(accounts: ["default": QuotaKey(index: 0)], at: now)
    return engine
  }

  /// One of the records that an engine writes for a random request.
  private static func record(_ random: inout SplitMix64, at now: Timestamp) -> CommitBatch.LedgerEntry? {
    var engine = engine(at: now)
    engine.assign(assignment)
    engine.restored(assignment, position: 0, at: now)
    var request = RandomRequests.request(&random)
    request.account = nil
    request.deadline = now + .seconds(60)
    let source = SourceCoordinates(topic: "requests", partition: 0, offset: 7)
    for _ in 0...random.below(3) {
      _ = engine.receive(
        ReceivedRequest(request: request, source: source, producedAt: now, receivedAt: now), at: now)
    }
    if random.oneIn(2), let call = engine.nextCall(at: now, requestID: UUID.random), random.oneIn(2) {
      let kind = random.pick(CancelAnswer.Kind.allCases)
      engine.answered(call.id, CancelAnswer(kind: kind, httpStatus: 200, token: "t"), at: now + .milliseconds(5))
    }
    return engine.nextBatch()?.ledger.first
  }
}

/// Foundation's JSON parser, to compare with.
///
/// What our reader accepts, Foundation must accept. The known differences:
/// - Foundation refuses numbers beyond the range of a Double (`1e999`), which RFC 8259 allows; ours passes them on.
/// - Foundation accepts a byte order mark, UTF-16 and UTF-32, and nesting up to 512 levels; ours refuses them.
enum FoundationOracle {
  static func accepts(_ utf8: [UInt8]) -> Bool {
    (try? JSONSerialization.jsonObject(with: Data(utf8), options: .fragmentsAllowed)) != nil
  }

  /// Whether the text may hold a number that no Double can.
  static func mayExceedDouble(_ utf8: [UInt8]) -> Bool {
    let hasExponent = utf8.indices.contains { index in
      (utf8[index] | 0x20) == UInt8(ascii: "e") && index > 0 && (0x30...0x39).contains(utf8[index - 1])
    }
    let hasLongDigits = utf8.split { !(0x30...0x39).contains($0) }.contains { $0.count > 300 }
    return hasExponent || hasLongDigits
  }

  /// The objection to a text that our reader accepted and Foundation refuses.
  static func objection(_ utf8: [UInt8]) -> String? {
    accepts(utf8) || mayExceedDouble(utf8) ? nil : "Foundation refuses what was accepted or written"
  }
}
