import CancelContract
import FoundationEssentials
import Testing

@testable import CancelCore

@Suite struct EngineChangeTests {
  private var engine: CancelEngine
  private let start = Timestamp(milliseconds: 1_700_000_000_000)
  private let key = QuotaKey(index: 0)

  init() {
    engine = CancelEngine(policy: CancelPolicy(), defaultAccount: "default", seed: 1)
    engine.configure(accounts: ["default": key], at: start)
    engine.assign(.first)
    engine.restored(.first, position: 0, at: start)
  }

  private func request(_ offset: Int64, _ priority: Priority = .routine, at now: Timestamp) throws -> ReceivedRequest {
    ReceivedRequest(
      request: CancelRequest(
        cancelID: "c\(offset)", orderID: try #require(OrderID(offset)), account: nil, priority: priority),
      source: SourceCoordinates(topic: "requests", partition: 0, offset: offset), producedAt: now, receivedAt: now,
      echoedHeaders: [])
  }

  private mutating func send(at now: Timestamp) throws -> Call {
    let call = engine.nextCall(at: now, requestID: UUID.random)
    return try #require(call)
  }

  @Test mutating func aRefusedKeyIsToldOnceAndWhenItWorksAgain() throws {
    let refused = CancelAnswer(kind: .credentialRefused, httpStatus: 401)
    for offset in 1...3 { _ = engine.receive(try request(Int64(offset), at: start), at: start) }
    let call = try send(at: start)
    engine.answered(call.id, refused, at: start)
    #expect(engine.takeChanges() == [.credentialRefused(key, httpStatus: 401, detail: nil)])
    #expect(engine.takeChanges() == [])
    engine.configure(accounts: ["default": key], renewed: [key], at: start + .seconds(5))
    #expect(engine.takeChanges() == [.credentialWorks(key, refusedSince: start)])
  }

  @Test mutating func a429IsToldUntilACallPasses() throws {
    _ = engine.receive(try request(1, at: start), at: start)
    let first = try send(at: start)
    engine.answered(
      first.id, CancelAnswer(kind: .throttled, httpStatus: 429, rateLimit: RateLimit(retryAfter: .seconds(2))),
      at: start)
    let changes = engine.takeChanges()
    guard changes.count == 1, case .throttled(key, let until) = changes[0] else {
      Issue.record("\(changes)")
      return
    }
    #expect(until == start + .seconds(2))
    let later = start + .seconds(3)
    engine.advance(to: later)
    let second = try send(at: later)
    engine.answered(second.id, CancelAnswer(kind: .accepted, httpStatus: 200), at: later)
    #expect(engine.takeChanges() == [.throttlingOver(key)])
  }

  /// 15 of 20 calls are for routine requests; the rest are kept.
  @Test mutating func gaugesTellWhatHoldsEachPriorityBack() throws {
    for offset in 1...60 { _ = engine.receive(try request(Int64(offset), at: start), at: start) }
    while let call = engine.nextCall(at: start, requestID: UUID.random) {
      engine.answered(call.id, CancelAnswer(kind: .accepted, httpStatus: 200), at: start)
    }
    let now = start + .seconds(20)
    engine.advance(to: now)
    let gauges = engine.gauges(at: now)
    let state = try #require(gauges.keys.first)
    #expect(state.free == 5 && state.reserved == 5)
    #expect(state.heldPriorities == [.routine])
    #expect(state.waitingByPriority == [.routine: 45])
    let next = try #require(state.nextCallAt[.routine])
    #expect(next > now && next <= start + .seconds(61))
    #expect(state.killSwitchesSentAt == nil)
    #expect(gauges.unexplainedWait == [.routine: .zero, .killSwitch: .zero], "the quota explains it")
    #expect(gauges.oldestOpen == [.routine: start])
  }

  @Test mutating func aCallWithoutAnAnswerIsNotExplainedByQuota() throws {
    _ = engine.receive(try request(1, .killSwitch, at: start), at: start)
    _ = try send(at: start)
    #expect(engine.gauges(at: start + .seconds(9)).unexplainedWait[.killSwitch] == .seconds(9))
  }

  @Test mutating func aKillSwitchTellsWhenItsLastCallGoes() throws {
    for offset in 1...50 { _ = engine.receive(try request(Int64(offset), .killSwitch, at: start), at: start) }
    while let call = engine.nextCall(at: start, requestID: UUID.random) {
      engine.answered(call.id, CancelAnswer(kind: .accepted, httpStatus: 200), at: start)
    }
    let state = try #require(engine.gauges(at: start).keys.first)
    #expect(state.waitingByPriority == [.killSwitch: 30])
    let end = try #require(state.killSwitchesSentAt)
    #expect(end > start + .seconds(110) && end < start + .seconds(130), "30 orders need two more windows")
  }
}
