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

  @Test func hostileHeadersNeitherStallNorCrash() {
    let hostile = [
      RateLimit(limit: 0, remaining: 0), RateLimit(limit: -5, remaining: -9), RateLimit(limit: .max, remaining: .max),
      RateLimit(limit: 1, remaining: .min), RateLimit(remaining: .max),
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
