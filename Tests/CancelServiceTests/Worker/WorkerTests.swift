import CancelContract
import CancelCore
import Foundation
import Kafka
import Testing

@testable import CancelService

/// A whole worker without a broker, a socket, a thread or a sleep: events in, effects out.
@Suite struct WorkerTests {
  /// A worker on a clock of the test's, and what it has to do.
  private struct Bench: CustomStringConvertible {
    var description: String { "a worker" }
    var worker: Worker
    var now = Timestamp(microseconds: 1_700_000_000_000_000)
    var effects: [Worker.Effect] = []
    private var offsets: [Int32: Int64] = [:]

    init(_ change: (inout Worker.Settings) -> Void = { _ in }) {
      var settings = Worker.Settings()
      settings.policy.quotaCalls = 0
      change(&settings)
      worker = Worker(
        settings, accounts: ["default": QuotaKey(index: 0)], seed: 1, requestID: { UUID() }, at: now)
    }

    mutating func handle(_ event: Worker.Event) {
      worker.handle(event, at: now, into: &effects)
    }

    mutating func pass(_ duration: Duration) {
      now = now + duration
      handle(.timer)
    }

    /// Assigns partitions and restores them from empty ledgers.
    mutating func assign(_ partitions: [Int32], number: UInt64, logEnd: Int64 = 0) {
      let start = Worker.Start(position: nil, logEnd: logEnd)
      handle(.assigned(Dictionary(uniqueKeysWithValues: partitions.map { ($0, start) }), number: number))
      for partition in partitions { handle(.ledgerRead(Assignment(partition: partition, number: number))) }
    }

    mutating func request(_ order: Int64, partition: Int32 = 0, number: UInt64 = 1, deadline: Timestamp? = nil) throws {
      let offset = offsets[partition, default: 0]
      offsets[partition] = offset + 1
      let request = CancelRequest(cancelID: "c\(offset)", orderID: try #require(OrderID(order)), deadline: deadline)
      let record = RequestEncoder(.plain).encode(request, at: now)
      let message = KafkaMessage(
        topic: "requests", partition: partition, offset: offset, timestampMilliseconds: now.microseconds / 1000,
        value: record.value)
      let decoder = RequestDecoder(echoedHeaderNames: [], maximumBytes: 10_000)
      handle(.messages([IncomingMessage(message, decoder: decoder, receivedAt: now)], number: number, credit: 1))
    }

    /// The calls to send, which count as sent from then on.
    mutating func takeCalls() -> [Call] {
      let calls = effects.compactMap { if case .send(let call) = $0 { call } else { nil } }
      effects.removeAll { if case .send = $0 { true } else { false } }
      return calls
    }

    /// The one call to send.
    mutating func takeCall() throws -> Call {
      let calls = takeCalls()
      return try #require(calls.first)
    }

    mutating func answerNext() throws { answer(try takeCall()) }

    mutating func takeDueBatch() throws -> (batch: CommitBatch, number: UInt64) {
      let batch = takeBatch()
      return try #require(batch)
    }

    mutating func answer(_ call: Call, _ kind: CancelAnswer.Kind = .accepted) {
      handle(.answered(call, CancelAnswer(kind: kind, httpStatus: 200)))
      handle(.timer)
    }

    /// The batch to publish, which counts as under way from then on.
    mutating func takeBatch() -> (batch: CommitBatch, number: UInt64)? {
      let index = effects.firstIndex { if case .commit = $0 { true } else { false } }
      guard let index, case .commit(let batch, let number) = effects.remove(at: index) else { return nil }
      return (batch, number)
    }

    /// Publishes everything that is due.
    ///
    /// - Returns: the results, and the last batch's positions.
    mutating func commitAll() -> (results: [CancelResult], positions: [Int32: Int64]) {
      var (results, positions) = ([CancelResult](), [Int32: Int64]())
      while let (batch, _) = takeBatch() {
        results += batch.results
        positions = batch.positions
        handle(.committed)
      }
      return (results, positions)
    }

    func has(_ isMeant: (Worker.Effect) -> Bool) -> Bool { effects.contains(where: isMeant) }

    func released(_ number: UInt64) -> Bool { has { if case .released(number) = $0 { true } else { false } } }
  }

  @Test func aRequestGoesFromItsMessageToItsCommittedResult() throws {
    var bench = Bench()
    bench.assign([0], number: 1)
    #expect(bench.has { if case .resume([0], number: 1) = $0 { true } else { false } })
    try bench.request(7)
    let call = try bench.takeCall()
    #expect(call.orderID.value == 7)
    bench.answer(call)
    let (batch, number) = try bench.takeDueBatch()
    #expect(number == 1)
    #expect(batch.results.map(\.outcome) == [.accepted])
    #expect(batch.positions == [0: 1])
    bench.handle(.committed)
    #expect(bench.has { if case .report(.published) = $0 { true } else { false } })
    bench.pass(.seconds(1))
    #expect(!bench.has { if case .commit = $0 { true } else { false } })
  }

  @Test func whatIsAnsweredForPartitionsOfAnEarlierAssignmentIsNotCommittedUnderTheNextOne() throws {
    var bench = Bench()
    bench.assign([0, 1], number: 1)
    try bench.request(7, partition: 1)
    let call = try bench.takeCall()
    // The revocation overruns: the group goes on without waiting, and gives partition 1 to somebody else.
    bench.handle(.revoked(number: 1))
    _ = bench.commitAll()
    bench.assign([0], number: 2)
    #expect(bench.released(1))
    bench.answer(call)
    bench.pass(.seconds(1))
    while let (batch, number) = bench.takeBatch() {
      #expect(number == 2)
      #expect(batch.results.isEmpty && batch.positions[1] == nil)
      bench.handle(.committed)
      bench.pass(.seconds(1))
    }
    #expect(bench.worker.engine.assignments == [Assignment(partition: 0, number: 2)])
  }

  @Test func aBatchThatFailsAfterItsPartitionsWereReassignedIsNotBuiltAgain() throws {
    var bench = Bench()
    bench.assign([0], number: 1)
    try bench.request(7)
    try bench.answerNext()
    _ = try bench.takeDueBatch()
    bench.handle(.lost(number: 1))
    bench.assign([0], number: 2)
    bench.handle(.commitFailed(.passing, CancellationError()))
    bench.pass(.seconds(2))
    let batch = bench.takeBatch()?.batch
    #expect(batch?.results.isEmpty ?? true)
  }

  @Test func partitionsAreGivenUpOnceCallsAreAnsweredAndCommittedAndThePositionsConfirmed() throws {
    var bench = Bench()
    bench.assign([0], number: 1)
    try bench.request(7)
    let call = try bench.takeCall()
    bench.handle(.revoked(number: 1))
    #expect(!bench.released(1))
    try bench.request(8)
    #expect(!bench.has { if case .send = $0 { true } else { false } }, "no call is sent for a partition that goes")
    bench.answer(call)
    #expect(bench.commitAll().results.count == 1)
    #expect(bench.has { if case .confirm(let positions, 1) = $0 { positions == [0: 1] } else { false } })
    #expect(!bench.released(1))
    bench.handle(.confirmed([0: 5], number: 1))
    #expect(bench.released(1))
    // The partition comes back: only what is new in its ledger is read.
    bench.effects = []
    bench.handle(.assigned([0: Worker.Start(position: 1, logEnd: 1)], number: 2))
    #expect(bench.has { if case .restore(_, from: 5, _) = $0 { true } else { false } })
  }

  @Test func aConfirmationThatNeverComesDoesNotHoldUpTheGroup() {
    var bench = Bench { $0.drainTimeout = .seconds(2) }
    bench.assign([0], number: 1)
    bench.handle(.revoked(number: 1))
    #expect(!bench.released(1))
    bench.pass(.seconds(3))
    #expect(bench.released(1))
    #expect(bench.worker.engine.assignments.isEmpty)
  }

  @Test func oneLedgerPartitionThatCannotBeReadHoldsUpNoOther() throws {
    var bench = Bench()
    let start = Worker.Start(position: nil, logEnd: 0)
    bench.handle(.assigned([0: start, 1: start], number: 1))
    let failed = Assignment(partition: 0, number: 1)
    let error = KafkaError(code: .timedOut, message: "nothing came", operation: "read", isRetriable: true)
    bench.handle(.ledgerFailed(failed, error))
    bench.handle(.ledgerRead(Assignment(partition: 1, number: 1)))
    try bench.request(7, partition: 1)
    _ = try bench.takeCall()
    #expect(bench.worker.failure == nil)
    let again = bench.effects.filter { if case .restore(failed, from: 0, _) = $0 { true } else { false } }
    #expect(again.count == 2, "it is read again")
    bench.handle(.ledgerRead(failed))
    try bench.request(8, partition: 0)
    _ = try bench.takeCall()
  }

  @Test func aRestoreOfAnAssignmentThatHasEndedIsDropped() {
    var bench = Bench()
    bench.handle(.assigned([0: Worker.Start(position: nil, logEnd: 0)], number: 1))
    bench.handle(.lost(number: 1))
    let ended = Assignment(partition: 0, number: 1)
    bench.handle(.ledgerFailed(ended, KafkaError(code: .topicAuthorizationFailed, message: "", operation: "read")))
    bench.handle(.ledgerRead(ended))
    #expect(bench.worker.failure == nil)
    #expect(bench.worker.engine.assignments.isEmpty)
  }

  @Test func notCancelledIsNotSaidWhereAnEarlierWorkerMayHaveSentACall() throws {
    var bench = Bench { $0.policy.maxInFlight = 1 }
    bench.assign([0], number: 1, logEnd: 2)
    try bench.request(1)
    // Read before this assignment, perhaps, and expired while it waits; read now, and expired before; new.
    try bench.request(2, deadline: bench.now + .seconds(1))
    try bench.request(3, deadline: bench.now + .seconds(1))
    bench.pass(.seconds(5))
    var results: [CancelResult] = []
    while let (batch, _) = bench.takeBatch() {
      results += batch.results
      bench.handle(.committed)
      bench.pass(.seconds(1))
    }
    let byOrder = Dictionary(uniqueKeysWithValues: results.map { ($0.orderID?.value ?? 0, $0) })
    #expect(byOrder[2]?.outcome == .failed)
    #expect(byOrder[2]?.problem.map { "\($0)".contains("outcome-unknown") } == true)
    #expect(byOrder[3]?.outcome == .expired)
  }

  @Test func aStopSendsNothingMoreAndEndsWhenAllIsCommitted() throws {
    var bench = Bench { $0.policy.maxInFlight = 1 }
    bench.assign([0], number: 1)
    try bench.request(1)
    try bench.request(2)
    let call = try bench.takeCall()
    bench.handle(.stop)
    bench.answer(call)
    #expect(!bench.has { if case .send = $0 { true } else { false } })
    let (results, positions) = bench.commitAll()
    #expect(results.count == 1)
    #expect(positions == [0: 2])
    let ending = bench.effects.compactMap { if case .stopped(let ending) = $0 { ending } else { nil } }
    #expect(ending == [Handover.Ending(isDrained: true, isCommitted: true, openRequests: 1)])
  }

  @Test func aStopThatCannotCommitEndsTwoSecondsAfterItsDrain() throws {
    var bench = Bench { $0.drainTimeout = .seconds(3) }
    bench.assign([0], number: 1)
    try bench.request(1)
    try bench.answerNext()
    _ = try bench.takeDueBatch()
    try bench.request(2)
    bench.handle(.stop)
    let endings = { (effects: [Worker.Effect]) in
      effects.compactMap { if case .stopped(let ending) = $0 { ending } else { nil } }
    }
    bench.pass(.seconds(3) + Worker.publishTimeout - .milliseconds(1))
    #expect(endings(bench.effects) == [])
    bench.pass(.milliseconds(2))
    #expect(
      endings(bench.effects) == [
        Handover.Ending(isDrained: false, isCommitted: false, openRequests: 1, unpublishedResults: 1)
      ])
    // The group asks for the partitions when the consumer is closed: there is nothing more to wait for.
    bench.handle(.revoked(number: 1))
    #expect(bench.released(1))
  }

  @Test func noMoreIsReadWhileTooManyRequestsAreOpen() throws {
    var bench = Bench {
      $0.maxPending = 2
      $0.policy.maxInFlight = 1
    }
    bench.assign([0], number: 1)
    try bench.request(1)
    try bench.request(2)
    let granted = { (effects: [Worker.Effect]) in
      effects.reduce(0) { sum, effect in if case .acknowledge(let credit) = effect { sum + credit } else { sum } }
    }
    #expect(granted(bench.effects) == 1)
    try bench.answerNext()
    #expect(granted(bench.effects) == 2)
  }
}
