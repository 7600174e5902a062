import CancelContract
import Testing

@testable import CancelService

/// Events in, decisions out.
@Suite struct CommitScheduleTests {
  private let start = Timestamp(microseconds: 1_700_000_000_000_000)
  private let nothing = CommitSchedule.Gathered(hasSomething: false, results: 0, isUrgent: false)
  private let states = CommitSchedule.Gathered(hasSomething: true, results: 0, isUrgent: false)
  private let results = CommitSchedule.Gathered(hasSomething: true, results: 100, isUrgent: false)
  private let urgent = CommitSchedule.Gathered(hasSomething: true, results: 1, isUrgent: true)
  private let usual = CommitSchedule.Settings().usualBatch
  private let largest = CommitSchedule.Settings().largestBatch

  private func after(_ milliseconds: Int) -> Timestamp { start + .milliseconds(milliseconds) }

  @Test func resultsGoAtOnceAndNothingIsNotCommitted() {
    var schedule = CommitSchedule()
    #expect(schedule.next(nothing, at: start) == .nothing)
    #expect(schedule.next(results, at: start) == .commit(limit: usual))
  }

  @Test func statesAloneWaitForTheirResultButNotForEver() {
    var schedule = CommitSchedule()
    #expect(schedule.next(states, at: start) == .wait(until: after(20)))
    #expect(schedule.next(states, at: after(10)) == .wait(until: after(20)))
    #expect(schedule.next(results, at: after(11)) == .commit(limit: usual))
    #expect(schedule.next(states, at: after(20)) == .commit(limit: usual))
  }

  @Test func aWaitThatIsOverDoesNotCountForTheNextStates() {
    var schedule = CommitSchedule()
    _ = schedule.next(states, at: start)
    schedule.started(size: 1, at: after(20))
    _ = schedule.committed(results: 0, at: after(25))
    #expect(schedule.next(states, at: after(30)) == .wait(until: after(50)))
  }

  @Test func oneBatchIsUnderWayAtATime() {
    var schedule = CommitSchedule()
    schedule.started(size: 100, at: start)
    #expect(schedule.isUnderWay)
    #expect(schedule.next(urgent, at: after(1000)) == .nothing)
    #expect(schedule.committed(results: 100, at: after(7)) == .milliseconds(7))
    #expect(!schedule.isUnderWay)
  }

  @Test func largeBatchesAreSpacedAndUrgentOnesAreNot() {
    var schedule = CommitSchedule()
    schedule.started(size: 100, at: start)
    _ = schedule.committed(results: 100, at: after(5))
    #expect(schedule.next(results, at: after(6)) == .wait(until: after(25)))
    #expect(schedule.next(urgent, at: after(6)) == .commit(limit: largest))
    #expect(schedule.next(results, at: after(25)) == .commit(limit: usual))
  }

  @Test(arguments: [(100, 4000), (2000, 4000), (3000, 6000), (9999, 19_998), (1_000_000, 20_000)])
  func manyResultsMakeABatchLargerAndStatesDont(results: Int, limit: Int) {
    var schedule = CommitSchedule()
    let gathered = CommitSchedule.Gathered(hasSomething: true, results: results, isUrgent: false)
    #expect(schedule.next(gathered, at: start) == .commit(limit: limit))
  }

  @Test func aTimeOutHalvesTheBatchDownToOneAndSuccessDoublesIt() {
    var schedule = CommitSchedule()
    var (now, size, limits) = (start, 3000, [Int]())
    for _ in 0..<16 {
      schedule.started(size: size, at: now)
      now = now + .seconds(7)
      guard case .again(let time) = schedule.failed(.timedOut, at: now) else {
        Issue.record("a time-out ended the worker")
        return
      }
      now = time
      guard case .commit(let limit) = schedule.next(urgent, at: now) else {
        Issue.record("what failed was not tried again")
        return
      }
      limits.append(limit)
      size = min(size, limit)
    }
    #expect(limits.prefix(4) == [1500, 750, 375, 187])
    #expect(limits.last == 1)
    schedule.started(size: 1, at: now)
    _ = schedule.committed(results: 1, at: now)
    #expect(schedule.next(urgent, at: now) == .commit(limit: 2))
  }

  @Test func aFailureThatTookLongCountsAsATimeOutWhateverItsName() {
    var schedule = CommitSchedule()
    schedule.started(size: 1000, at: start)
    _ = schedule.failed(.passing, at: start + .seconds(5))
    #expect(schedule.next(urgent, at: start + .seconds(10)) == .commit(limit: 500))
  }

  @Test func whatFailedWaitsLongerEachTimeEvenWhereItIsUrgent() {
    var schedule = CommitSchedule()
    var waits: [Int64] = []
    for _ in 0..<9 {
      schedule.started(size: 1, at: start)
      guard case .again(let time) = schedule.failed(.passing, at: start) else { return }
      #expect(schedule.next(urgent, at: start) == .wait(until: time))
      waits.append((time - start).microseconds / 1000)
      #expect(schedule.next(urgent, at: time) == .commit(limit: largest))
    }
    #expect(waits == [10, 20, 40, 80, 160, 320, 640, 1000, 1000])
  }

  @Test func aRefusalThatStaysEndsTheWorkerAndAFatalErrorAtOnce() {
    var schedule = CommitSchedule()
    for number in 1...10 {
      schedule.started(size: 1, at: start)
      let verdict = schedule.failed(.refused, at: start)
      #expect((verdict == .end) == (number == 10))
    }
    var other = CommitSchedule()
    other.started(size: 1, at: start)
    #expect(other.failed(.fatal, at: start) == .end)
  }
}
