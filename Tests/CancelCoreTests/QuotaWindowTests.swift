import CancelContract
import Testing

@testable import CancelCore

/// The window against a server that counts exactly.
@Suite struct QuotaWindowTests {
  /// A call on its way: when the server sees it, when its answer comes.
  private struct Flight {
    var slot: QuotaWindow.Slot
    var seenAt: Timestamp
    var answeredAt: Timestamp
  }

  @Test(arguments: 0..<200)
  func theServerNeverSeesMoreThanTheLimitInAnyWindow(seed: Int) {
    var random = SplitMix64(seed: UInt64(seed))
    let window = Duration.milliseconds(2000)
    var quota = QuotaWindow(calls: 20, window: window, reserved: 5)
    var now = Timestamp(milliseconds: 1_000_000)
    var flights: [Flight] = []
    var seen: [Timestamp] = []
    for _ in 0..<600 {
      now = now + .milliseconds(Int64.random(in: 0...60, using: &random))
      while let index = flights.firstIndex(where: { $0.answeredAt <= now }) {
        quota.answered(flights.remove(at: index).slot, rateLimit: nil, at: now)
      }
      let priority: Priority = Bool.random(using: &random) ? .routine : .killSwitch
      while quota.availability(for: priority, at: now) == .now {
        let seenAt = now + .milliseconds(Int64.random(in: 0...100, using: &random))
        let answeredAt = seenAt + .milliseconds(Int64.random(in: 0...100, using: &random))
        flights.append(Flight(slot: quota.take(at: now), seenAt: seenAt, answeredAt: answeredAt))
        seen.append(seenAt)
      }
    }
    seen.sort()
    for index in seen.indices.dropFirst(20) {
      #expect(seen[index] - seen[index - 20] >= window, "seed \(seed)")
    }
    #expect(seen.count > 40, "seed \(seed): the window is hardly used")
  }

  /// Two windows live the same life, one of them by a clock that is set back and forth.
  @Test(arguments: 0..<100)
  func aClockThatIsSetMakesNothingFreeEarlierOrLater(seed: Int) {
    var random = SplitMix64(seed: UInt64(seed))
    var plain = QuotaWindow(calls: 6, window: .seconds(2), reserved: 2)
    var set = plain
    var now = Timestamp(milliseconds: 1_000_000_000)
    var stepped = Duration.zero
    var flights: [(plain: QuotaWindow.Slot, set: QuotaWindow.Slot)] = []
    for _ in 0..<400 {
      now = now + .milliseconds(Int64.random(in: 0...200, using: &random))
      if Int.random(in: 0..<10, using: &random) == 0 {
        let step = Duration.milliseconds(Int64.random(in: -500_000...500_000, using: &random))
        set.clockStepped(by: step)
        for index in flights.indices { flights[index].set.clockStepped(by: step) }
        stepped += step
      }
      if let flight = flights.randomElement(using: &random), Bool.random(using: &random) {
        flights.removeAll { $0.plain.sentAt == flight.plain.sentAt }
        let limit = RateLimit(limit: 6, remaining: Int.random(in: 0...6, using: &random), resetAfter: .seconds(1))
        if Int.random(in: 0..<6, using: &random) == 0 {
          plain.throttled(flight.plain, rateLimit: limit, at: now)
          set.throttled(flight.set, rateLimit: limit, at: now + stepped)
        } else {
          let told = Bool.random(using: &random) ? limit : nil
          plain.answered(flight.plain, rateLimit: told, at: now)
          set.answered(flight.set, rateLimit: told, at: now + stepped)
        }
      }
      let priority: Priority = Bool.random(using: &random) ? .routine : .killSwitch
      let availability = plain.availability(for: priority, at: now)
      switch (availability, set.availability(for: priority, at: now + stepped)) {
      case (.now, .now): flights.append((plain.take(at: now), set.take(at: now + stepped)))
      case (.afterAnswer, .afterAnswer): break
      case (.at(let time), .at(let moved)): #expect(time + stepped == moved, "seed \(seed)")
      case (let first, let second): Issue.record("seed \(seed): \(first), and \(second) by the clock that is set")
      }
      #expect(plain.free(at: now) == set.free(at: now + stepped), "seed \(seed)")
      if case .now = availability { now = now + .microseconds(1) }
    }
    #expect(stepped != .zero)
  }

  @Test func theDrainIsOptimalButForOneRoundTripAWindow() {
    let window = Duration.seconds(2)
    let roundTrip = Duration.milliseconds(5)
    var quota = QuotaWindow(calls: 20, window: window, reserved: 0)
    let start = Timestamp(milliseconds: 1_000_000)
    var now = start
    var sent = 0
    var flights: [(slot: QuotaWindow.Slot, at: Timestamp)] = []
    while sent < 200 || !flights.isEmpty {
      while sent < 200, quota.availability(for: .routine, at: now) == .now {
        flights.append((quota.take(at: now), now + roundTrip))
        sent += 1
      }
      var next = flights.first?.at ?? .distantFuture
      if sent < 200, case .at(let time) = quota.availability(for: .routine, at: now) { next = min(next, time) }
      now = max(next, now + .microseconds(1))
      while let first = flights.first, first.at <= now {
        flights.removeFirst()
        quota.answered(first.slot, rateLimit: nil, at: now)
      }
    }
    let optimum = window * 9
    #expect(now - start >= optimum)
    #expect(now - start <= optimum + roundTrip * 2 * 10)
  }

  @Test func routineCallsLeaveTheReserve() {
    var quota = QuotaWindow(calls: 20, window: .seconds(60), reserved: 5)
    let now = Timestamp(milliseconds: 1_000_000)
    quota.answered(quota.take(at: now), rateLimit: nil, at: now)
    var routine = 1
    while quota.availability(for: .routine, at: now) == .now {
      _ = quota.take(at: now)
      routine += 1
    }
    #expect(routine == 15)
    var killSwitches = 0
    while quota.availability(for: .killSwitch, at: now) == .now {
      _ = quota.take(at: now)
      killSwitches += 1
    }
    #expect(killSwitches == 5)
  }

  @Test func the429StopsTheKeyUntilItsTimeAndThenOneCallGoesFirst() {
    var quota = QuotaWindow(calls: 20, window: .seconds(60), reserved: 0)
    let now = Timestamp(milliseconds: 1_000_000)
    quota.throttled(quota.take(at: now), rateLimit: RateLimit(retryAfter: .seconds(7)), at: now)
    #expect(quota.availability(for: .killSwitch, at: now) == .at(now + .seconds(7)))
    let later = now + .seconds(7)
    #expect(quota.availability(for: .killSwitch, at: later) == .now)
    let slot = quota.take(at: later)
    #expect(quota.availability(for: .killSwitch, at: later) == .afterAnswer)
    quota.answered(slot, rateLimit: RateLimit(limit: 20, remaining: 3), at: later)
    var further = 0
    while quota.availability(for: .killSwitch, at: later) == .now {
      _ = quota.take(at: later)
      further += 1
    }
    #expect(further <= 3)
    #expect(further >= 1)
  }

  private static let start = Timestamp(milliseconds: 1_000_000)

  /// A window of 20 a minute after one call that was answered with these limits.
  private func answered(_ policies: [RateLimit.Policy], trustsHeaders: Bool = false) -> QuotaWindow {
    var quota = QuotaWindow(calls: 20, window: .seconds(60), reserved: 0, trustsHeaders: trustsHeaders)
    quota.answered(quota.take(at: Self.start), rateLimit: RateLimit(policies: policies), at: Self.start)
    return quota
  }

  /// How many calls go at once.
  private func burst(_ quota: inout QuotaWindow, at now: Timestamp) -> Int {
    var calls = 0
    while quota.availability(for: .killSwitch, at: now) == .now, calls < 100_000 {
      _ = quota.take(at: now)
      calls += 1
    }
    return calls
  }

  @Test func aSecondThatIsUsedUpHoldsForASecondThoughTheMinuteHasRoom() {
    var quota = answered([.init(remaining: 0, resetAfter: .seconds(1)), .init(remaining: 19, resetAfter: .seconds(60))])
    #expect(quota.availability(for: .killSwitch, at: Self.start) == .at(Self.start + .seconds(1)))
    #expect(quota.blocked(at: Self.start) == Self.start + .seconds(1))
    #expect(burst(&quota, at: Self.start + .seconds(1)) == 19)
  }

  @Test func aBurstThatIsUsedUpDoesNotWaitForTheDay() {
    var quota = answered([
      .init(limit: 10, remaining: 0, window: .seconds(2), resetAfter: .seconds(2)),
      .init(limit: 5000, remaining: 4321, window: .seconds(86_400), resetAfter: .seconds(3600)),
    ])
    #expect(quota.availability(for: .killSwitch, at: Self.start) == .at(Self.start + .seconds(2)))
    #expect(burst(&quota, at: Self.start + .seconds(2)) == 19)
  }

  @Test func everyLimitBinds() {
    var quota = answered([
      .init(limit: 3, remaining: 2, window: .seconds(1), resetAfter: .seconds(1)),
      .init(limit: 20, remaining: 19, window: .seconds(60), resetAfter: .seconds(50)),
      .init(remaining: 6, window: .seconds(3600)),
    ])
    #expect(quota.free(at: Self.start) == 2)
    #expect(burst(&quota, at: Self.start) == 2)
    #expect(quota.availability(for: .killSwitch, at: Self.start) == .at(Self.start + .seconds(1)))
    #expect(burst(&quota, at: Self.start + .seconds(1)) == 4, "six calls in the hour")
    // Nothing that a header says keeps a key from calling for longer than ten windows.
    #expect(
      quota.availability(for: .killSwitch, at: Self.start + .seconds(1)) == .at(Self.start + .seconds(600)))
  }

  @Test func theLatestTimeAtWhichEveryLimitHasRoomBinds() {
    var quota = answered([
      .init(remaining: 0, resetAfter: .seconds(3)), .init(remaining: 0, resetAfter: .seconds(9)),
      .init(remaining: 0, resetAfter: .seconds(5)),
    ])
    #expect(quota.availability(for: .killSwitch, at: Self.start) == .at(Self.start + .seconds(9)))
  }

  @Test func headersLowerTheQuotaAndNeverRaiseIt() {
    let gateway = RateLimit.Policy(limit: 5000, remaining: 4990, resetAfter: .seconds(3000))
    var quota = answered([gateway])
    #expect(quota.limit == 20)
    #expect(burst(&quota, at: Self.start) == 19)
    var both = answered([gateway, .init(limit: 20, remaining: 11)])
    #expect(burst(&both, at: Self.start) == 11 || both.free(at: Self.start).map { $0 <= 11 } == true)
    #expect(answered([.init(limit: 10, remaining: 9)]).limit == 10)
    #expect(answered([.init(limit: 100, remaining: 99)], trustsHeaders: true).limit == 100)
  }

  @Test func aResetCountsOnlyWhileNothingRemains() {
    var some = answered([.init(limit: 20, remaining: 19, resetAfter: .seconds(40))])
    #expect(some.availability(for: .killSwitch, at: Self.start) == .now)
    var none = answered([.init(limit: 20, remaining: 0, resetAfter: .seconds(40))])
    #expect(none.availability(for: .killSwitch, at: Self.start) == .at(Self.start + .seconds(40)))
    #expect(none.availability(for: .killSwitch, at: Self.start + .seconds(40)) == .now)
  }

  /// The server counts this worker's calls alone; its reset is rounded up to a second. Half a millisecond before the
  /// other slots of the window before are free it says that nothing remains, and to wait for a second.
  @Test func aResetInWholeSecondsDoesNotHoldCallsWhoseSlotsAreKnown() {
    var quota = QuotaWindow(calls: 3, window: .seconds(2), reserved: 0)
    let none = RateLimit(limit: 3, remaining: 0, resetAfter: .seconds(1))
    for milliseconds in [0, 4, 5] {
      let sent = Self.start + .milliseconds(milliseconds)
      quota.answered(quota.take(at: sent), rateLimit: nil, at: sent)
    }
    let second = Self.start + .seconds(2)
    #expect(quota.availability(for: .killSwitch, at: second) == .now)
    quota.answered(quota.take(at: second), rateLimit: none, at: second + .milliseconds(1))
    #expect(quota.availability(for: .killSwitch, at: second + .milliseconds(1)) == .at(second + .milliseconds(4)))
    #expect(quota.blocked(at: second + .milliseconds(1)) == nil)
  }

  /// The server saw the call while the window before was still full; when its answer comes, a slot is free again.
  @Test func aSlotThatComesFreeWhileACallIsUnderWayIsNobodyElses() {
    var quota = QuotaWindow(calls: 3, window: .seconds(2), reserved: 0)
    let none = RateLimit(limit: 3, remaining: 0, resetAfter: .seconds(1))
    for milliseconds in [0, 10, 20] {
      let sent = Self.start + .milliseconds(milliseconds)
      quota.answered(quota.take(at: sent), rateLimit: nil, at: sent)
    }
    let second = Self.start + .seconds(2)
    let slot = quota.take(at: second + .milliseconds(5))
    quota.answered(slot, rateLimit: none, at: second + .milliseconds(15))
    #expect(quota.availability(for: .killSwitch, at: second + .milliseconds(15)) == .now)
    #expect(quota.free(at: second + .milliseconds(25)) == 2, "no slot is held for others")
  }

  /// What the log does not explain is believed: others' calls, and a reset that is later by more than the rounding.
  @Test func aResetHoldsWhereOthersUseTheKeyOrTheServerCountsOtherwise() {
    for (own, reset) in [(1, 1), (3, 2)] {
      var quota = QuotaWindow(calls: 3, window: .seconds(60), reserved: 0)
      for _ in 0..<own { quota.answered(quota.take(at: Self.start), rateLimit: nil, at: Self.start) }
      let later = Self.start + .milliseconds(59_500)
      quota.answered(
        quota.take(at: later), rateLimit: RateLimit(limit: 3, remaining: 0, resetAfter: .seconds(reset)), at: later)
      #expect(quota.availability(for: .killSwitch, at: later) == .at(later + .seconds(reset)), "\(own), \(reset)")
    }
  }

  @Test func a429GoesByTheLimitThatWasHit() {
    let gateway = RateLimit.Policy(limit: 5000, remaining: 4960, resetAfter: .seconds(3000))
    let cases: [([RateLimit.Policy], Duration?, Duration)] = [
      ([gateway], nil, .seconds(1)), ([gateway], .seconds(5), .seconds(5)),
      ([gateway, .init(limit: 20, remaining: 0, resetAfter: .seconds(7))], nil, .seconds(7)),
      ([.init(limit: 20, remaining: 1, resetAfter: .seconds(4))], nil, .seconds(4)),
      ([.init(resetAfter: .seconds(6))], nil, .seconds(6)),
      ([.init(limit: 5000, remaining: 0, resetAfter: .seconds(3000))], nil, .seconds(600)),
    ]
    for (policies, retryAfter, wait) in cases {
      var quota = QuotaWindow(calls: 20, window: .seconds(60), reserved: 0)
      let slot = quota.take(at: Self.start)
      quota.throttled(slot, rateLimit: RateLimit(policies: policies, retryAfter: retryAfter), at: Self.start)
      #expect(quota.availability(for: .killSwitch, at: Self.start) == .at(Self.start + wait), "\(policies)")
    }
  }

  @Test func answersThatOvertakeEachOtherAllowNoMore() {
    var quota = QuotaWindow(calls: 0, window: .seconds(60), reserved: 0)
    let slots = (0..<3).map { _ in quota.take(at: Self.start) }
    for (slot, remaining) in zip(slots, [2, 4, 3]) {
      let policies = [
        RateLimit.Policy(limit: 5, remaining: remaining, window: .seconds(1), resetAfter: .seconds(1)),
        RateLimit.Policy(remaining: 100, window: .seconds(3600), resetAfter: .seconds(3600)),
      ]
      quota.answered(slot, rateLimit: RateLimit(policies: policies), at: Self.start)
    }
    #expect(burst(&quota, at: Self.start) <= 3)
  }

  @Test func hostileHeadersNeitherStallNorCrash() {
    let hostile = [
      RateLimit(limit: 0, remaining: 0), RateLimit(limit: -5, remaining: -9), RateLimit(limit: .max, remaining: .max),
      RateLimit(limit: 1, remaining: .min), RateLimit(remaining: .max),
      RateLimit(policies: [.init(remaining: .min, window: .seconds(-1), resetAfter: .seconds(-1))]),
      RateLimit(policies: Array(repeating: .init(remaining: 0, resetAfter: .seconds(3600)), count: 1000)),
    ]
    for rateLimit in hostile {
      var quota = QuotaWindow(calls: 20, window: .seconds(60), reserved: 5)
      var now = Timestamp(milliseconds: 1_000_000)
      quota.answered(quota.take(at: now), rateLimit: rateLimit, at: now)
      now = now + .seconds(3600)
      #expect(quota.availability(for: .routine, at: now) == .now, "\(rateLimit)")
    }
  }
}
