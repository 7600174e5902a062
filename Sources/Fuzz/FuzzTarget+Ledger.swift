import CancelContract
import CancelCore
import FoundationEssentials

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
    engine.assign(0)
    do {
      try engine.restore(0, key: key, value: value, at: now)
    } catch {
      return verdict(
        false, unless: isGood ? "a good record was refused: \(error)" : nil, input: key + [0] + (value ?? []))
    }
    // What was read must be something that the engine can go on with.
    engine.restored(0, position: 1, at: now)
    var later = now
    for _ in 0..<4 {
      while engine.nextCall(at: later, requestID: UUID.random) != nil {}
      if engine.nextBatch() != nil { engine.committed() }
      later = later + .seconds(100_000)
      engine.advance(to: later)
    }
    return verdict(true, unless: nil, input: key)
  }

  private static func engine(at now: Timestamp) -> CancelEngine {
    var engine = CancelEngine(policy: CancelPolicy(), defaultAccount: "default", seed: 1)
    engine.configure(accounts: ["default": QuotaKey(index: 0)], at: now)
    return engine
  }

  /// One of the records that an engine writes for a random request.
  private static func record(_ random: inout SplitMix64, at now: Timestamp) -> CommitBatch.LedgerEntry? {
    var engine = engine(at: now)
    engine.assign(0)
    engine.restored(0, position: 0, at: now)
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
