import NIOCore
import Testing

@testable import Operations

/// The decisions of the export, as lists of events and actions.
@Suite struct ExportScheduleTests {
  private typealias Schedule = ExportSchedule<Int>

  private static func limits() -> Schedule.Limits {
    var limits = Schedule.Limits()
    limits.maxQueue = 6
    limits.maxBatch = 3
    return limits
  }

  private static func at(_ milliseconds: UInt64) -> NIODeadline { .uptimeNanoseconds(milliseconds * 1_000_000) }

  /// The actions that these events have, each at its time in milliseconds (rounded up), as text.
  private func actions(of events: [(UInt64, Schedule.Event)], _ schedule: inout Schedule) -> [String] {
    events.flatMap { time, event in
      schedule.handle(event, now: Self.at(time)).map { action in
        switch action {
        case .wake(let time): "wake \((time.uptimeNanoseconds + 999_999) / 1_000_000)"
        case .send(let items): "send \(items)"
        case .sendAgain: "sendAgain"
        case .exported(let count): "exported \(count)"
        case .lost(let count, let loss): "lost \(count) \(loss)"
        case .warn(let count, let loss, _): "warn \(count) \(loss)"
        case .stopped: "stopped"
        }
      }
    }
  }

  private func actions(of events: [(UInt64, Schedule.Event)]) -> [String] {
    var schedule = Schedule(Self.limits(), seed: 1)
    return actions(of: events, &schedule)
  }

  private func taken(_ rejected: Int = 0) -> Schedule.Event { .answered(.taken(rejected: rejected, why: "")) }
  private func failed(retryAfter: TimeAmount? = nil) -> Schedule.Event {
    .answered(.failed(why: "503", retryAfter: retryAfter))
  }

  @Test func aFewItemsWaitForMore() {
    #expect(
      actions(of: [(0, .ended(1)), (100, .ended(2)), (4999, .woke), (5000, .woke), (5010, taken())]) == [
        "wake 5000", "wake 5000", "send [1, 2]", "exported 2",
      ])
  }

  @Test func aFullBatchGoesAtOnceAndWhatComesMeanwhileWaits() {
    #expect(
      actions(of: [
        (0, .ended(1)), (1, .ended(2)), (2, .ended(3)), (3, .ended(4)), (10, taken()), (5010, .woke), (5020, taken()),
      ]) == ["wake 5000", "send [1, 2, 3]", "exported 3", "wake 5010", "send [4]", "exported 1"])
  }

  @Test func aFullQueueDropsAndTellsOnceAMinute() {
    var schedule = Schedule(Self.limits(), seed: 1)
    let first = actions(of: (0..<12).map { (UInt64($0), .ended($0)) }, &schedule)
    #expect(
      first == [
        "wake 5000", "send [0, 1, 2]", "lost 1 queueFull", "warn 1 queueFull", "lost 1 queueFull", "lost 1 queueFull",
      ])
    #expect(schedule.waiting == 6)
    #expect(actions(of: [(59_000, .ended(12))], &schedule) == ["lost 1 queueFull"])
    #expect(actions(of: [(61_000, .ended(13))], &schedule) == ["lost 1 queueFull", "warn 4 queueFull"])
  }

  @Test func aFailedBatchIsTriedAgainWithGrowingPauses() throws {
    var schedule = Schedule(Self.limits(), seed: 1)
    _ = actions(of: (0..<3).map { (0, .ended($0)) }, &schedule)
    var now: UInt64 = 0
    var pauses: [UInt64] = []
    for _ in 0..<4 {
      let said = try #require(actions(of: [(now, failed())], &schedule).first)
      let next = try #require(UInt64(said.dropFirst("wake ".count)))
      pauses.append(next - now)
      now = next
      #expect(actions(of: [(now, .woke)], &schedule) == ["sendAgain"])
    }
    for (pause, whole) in zip(pauses, [1000, 2000, 4000, 8000] as [UInt64]) {
      #expect((whole / 2...whole).contains(pause), "\(pauses)")
    }
    #expect(actions(of: [(now, taken())], &schedule) == ["exported 3"])
  }

  @Test func aBatchIsGivenUpWhenItsTimeIsOver() {
    var schedule = Schedule(Self.limits(), seed: 1)
    _ = actions(of: (0..<4).map { (0, .ended($0)) }, &schedule)
    let ended = actions(of: [(29_900, failed())], &schedule)
    #expect(ended.prefix(2) == ["lost 3 undelivered", "warn 3 undelivered"])
    // What waits is not tried before the pause is over.
    #expect(ended.dropFirst(2) == ["wake 34900"])
    let full = actions(of: [(29_950, .ended(4)), (29_960, .ended(5))], &schedule)
    #expect(full.count == 1)
    #expect((30_400...30_900).contains(UInt64(full[0].dropFirst("wake ".count)) ?? 0), "\(full)")
    #expect(actions(of: [(30_900, .woke)], &schedule) == ["send [3, 4, 5]"])
  }

  @Test func theCollectorsPatienceIsKeptTo() {
    var schedule = Schedule(Self.limits(), seed: 1)
    _ = actions(of: (0..<3).map { (0, .ended($0)) }, &schedule)
    #expect(
      actions(of: [(0, failed(retryAfter: .seconds(7))), (6999, .woke), (7000, .woke)], &schedule)
        == ["wake 7000", "wake 7000", "sendAgain"])
    // More than the batch has left: it is lost, and the next one waits as long as was asked for, within a bound.
    #expect(
      actions(of: [(7010, failed(retryAfter: .hours(9)))], &schedule) == ["lost 3 undelivered", "warn 3 undelivered"])
    #expect(actions(of: [(8000, .ended(1)), (8000, .ended(2))], &schedule) == ["wake 307010"])
    #expect(actions(of: [(8000, .ended(3))], &schedule) == ["wake 307010"])
    #expect(actions(of: [(307_009, .woke), (307_010, .woke)], &schedule) == ["wake 307010", "send [1, 2, 3]"])
  }

  @Test func noPatienceIsNoneEither() {
    var schedule = Schedule(Self.limits(), seed: 1)
    _ = actions(of: (0..<3).map { (0, .ended($0)) }, &schedule)
    #expect(actions(of: [(0, failed(retryAfter: .zero))], &schedule) == ["wake 1000"])
  }

  @Test func aRefusalIsNotRepeated() {
    var schedule = Schedule(Self.limits(), seed: 1)
    _ = actions(of: (0..<3).map { (0, .ended($0)) }, &schedule)
    #expect(actions(of: [(5, .answered(.refused(why: "400")))], &schedule) == ["lost 3 refused", "warn 3 refused"])
    #expect(actions(of: [(6, .ended(1))], &schedule) == ["wake 5006"])
  }

  @Test func whatTheCollectorRejectsIsCounted() {
    var schedule = Schedule(Self.limits(), seed: 1)
    _ = actions(of: (0..<3).map { (0, .ended($0)) }, &schedule)
    #expect(actions(of: [(5, taken(2))], &schedule) == ["exported 1", "lost 2 rejected", "warn 2 rejected"])
    _ = actions(of: (0..<3).map { (10, .ended($0)) }, &schedule)
    #expect(actions(of: [(15, taken(99))], &schedule) == ["lost 3 rejected"])
  }

  @Test func aStopSendsWhatIsLeft() {
    var schedule = Schedule(Self.limits(), seed: 1)
    _ = actions(of: (0..<5).map { (0, .ended($0)) }, &schedule)
    #expect(actions(of: [(10, .stop(by: Self.at(2010)))], &schedule) == ["wake 2010"])
    #expect(actions(of: [(20, taken())], &schedule) == ["exported 3", "send [3, 4]"])
    #expect(
      actions(of: [(30, taken()), (31, .woke), (32, .ended(9))], &schedule) == [
        "exported 2", "stopped", "lost 1 stopped",
      ])
  }

  @Test func aStopWithNothingLeftEndsAtOnce() {
    #expect(actions(of: [(0, .stop(by: Self.at(2000)))]) == ["wake 2000", "stopped"])
  }

  @Test func aStopEndsABackOff() {
    var schedule = Schedule(Self.limits(), seed: 1)
    _ = actions(of: (0..<3).map { (0, .ended($0)) } + [(0, failed())], &schedule)
    #expect(
      actions(of: [(10, .stop(by: Self.at(2010))), (20, taken())], &schedule)
        == ["wake 2010", "wake 2010", "sendAgain", "exported 3", "stopped"])
  }

  @Test func aStopIsBounded() {
    var schedule = Schedule(Self.limits(), seed: 1)
    _ = actions(of: (0..<5).map { (0, .ended($0)) } + [(10, .stop(by: Self.at(2010)))], &schedule)
    #expect(
      actions(of: [(2010, .woke), (2020, taken())], &schedule) == ["lost 5 stopped", "warn 5 stopped", "stopped"])
  }

  @Test func aFailureThatTheStopLeavesNoTimeForEndsIt() {
    var schedule = Schedule(Self.limits(), seed: 1)
    _ = actions(of: (0..<5).map { (0, .ended($0)) } + [(10, .stop(by: Self.at(300)))], &schedule)
    #expect(
      actions(of: [(20, failed())], &schedule) == [
        "lost 3 undelivered", "warn 3 undelivered", "lost 2 stopped", "warn 2 stopped", "stopped",
      ])
  }

  /// Whatever comes in whatever order: each item is sent, lost or waiting, and the queue stays within its bound.
  @Test(arguments: 1...200) func nothingIsLostUncounted(seed: UInt64) {
    var schedule = Schedule(Self.limits(), seed: seed)
    var random = seed
    func below(_ bound: UInt64) -> UInt64 {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (random >> 33) % bound
    }
    var (ended, done, underWay, isStopped, wakeAt) = (0, 0, false, false, NIODeadline?.none)
    var now: UInt64 = 0
    func perform(_ actions: [Schedule.Action]) {
      for action in actions {
        #expect(!isStopped, "\(action) after the end")
        switch action {
        case .send, .sendAgain:
          #expect(!underWay)
          underWay = true
        case .wake(let time): wakeAt = time
        case .exported(let count), .lost(let count, _): done += count
        case .warn: break
        case .stopped: isStopped = true
        }
      }
    }
    for _ in 0..<300 {
      now += below(400)
      switch below(5) {
      case 0, 1:
        ended += 1
        perform(schedule.handle(.ended(ended), now: Self.at(now)))
      case 2 where underWay:
        underWay = false
        let answers: [Schedule.Answer] = [
          .taken(rejected: Int(below(2)), why: ""), .failed(why: "", retryAfter: nil), .refused(why: ""),
          .failed(why: "", retryAfter: .milliseconds(Int64(below(60_000)))),
        ]
        perform(schedule.handle(.answered(answers[Int(below(4))]), now: Self.at(now)))
      case 3:
        if let wake = wakeAt, !underWay { now = max(now, wake.uptimeNanoseconds / 1_000_000 + 1) }
        wakeAt = nil
        perform(schedule.handle(.woke, now: Self.at(now)))
      default: break
      }
      #expect(schedule.waiting <= 6)
      // Nobody waits for nothing: there is a try under way, or a time to wake.
      #expect(schedule.waiting == 0 || underWay || wakeAt != nil)
    }
    perform(schedule.handle(.stop(by: Self.at(now)), now: Self.at(now)))
    #expect(isStopped && done == ended, "\(done) of \(ended)")
  }
}
