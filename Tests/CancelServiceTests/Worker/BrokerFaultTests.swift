import CancelService
import Kafka
import Testing

/// A broker's error at each step of a commit, under a worker that goes on taking requests.
@Suite(.serialized) struct BrokerFaultTests {
  struct Fault: Sendable, CustomStringConvertible {
    var step: KafkaMockCluster.RequestKind
    var code: KafkaError.Code
    var isAborted: Bool

    init(_ step: KafkaMockCluster.RequestKind, _ code: KafkaError.Code, isAborted: Bool = false) {
      self.step = step
      self.code = code
      self.isAborted = isAborted
    }

    var description: String { "\(code) at request \(step.rawValue)" }
  }

  private static let passing = [
    Fault(.addOffsetsToTransaction, .coordinatorNotAvailable),
    Fault(.addOffsetsToTransaction, .concurrentTransactions),
    Fault(.transactionalOffsetCommit, .coordinatorLoadInProgress),
    Fault(.transactionalOffsetCommit, .illegalGeneration, isAborted: true),
    Fault(.transactionalOffsetCommit, .unknownMember, isAborted: true),
    Fault(.addPartitionsToTransaction, .notCoordinator),
    Fault(.addPartitionsToTransaction, .topicAuthorizationFailed, isAborted: true),
    Fault(.produce, .notLeader),
    Fault(.produce, .requestTimedOut),
    Fault(.produce, .messageTooLarge, isAborted: true),
    Fault(.endTransaction, .coordinatorNotAvailable),
    Fault(.endTransaction, .concurrentTransactions),
  ]

  @Test(.timeLimit(.minutes(1)), arguments: BrokerFaultTests.passing)
  func eachRequestIsStillAnsweredOnce(_ fault: Fault) async throws {
    // Time enough for the errors to meet the worker's records and not the requests themselves.
    let stage = try await EmbeddedStage(delay: .milliseconds(100))
    let worker = try stage.worker("worker", guarantee: .exactlyOnce)
    try await stage.send(1..<51)
    await stage.events.wait { $0.answered == 50 }
    if fault.step != .produce { stage.cluster.pushRequestErrors(fault.step, [fault.code, fault.code]) }
    try await stage.send(51..<151)
    if fault.step == .produce { stage.cluster.pushRequestErrors(fault.step, [fault.code, fault.code]) }
    await stage.events.wait { $0.answered == 150 }
    try await worker.stop()
    let state = stage.events.state
    #expect(state.published.count == 150)
    #expect(state.aborts > 0 || !fault.isAborted)
    // What was aborted is published without another call.
    #expect(stage.simulator.state.totalCalls == 150)
    await stage.clear()
  }

  @Test(
    .timeLimit(.minutes(1)),
    arguments: [
      Fault(.addOffsetsToTransaction, .producerFenced), Fault(.addPartitionsToTransaction, .producerFenced),
      Fault(.transactionalOffsetCommit, .invalidProducerEpoch), Fault(.endTransaction, .invalidProducerEpoch),
    ])
  func aFencedProducerEndsTheWorker(_ fault: Fault) async throws {
    let stage = try await EmbeddedStage()
    let worker = try stage.worker("worker", guarantee: .exactlyOnce)
    try await stage.send(1..<51)
    await stage.events.wait { $0.answered == 50 }
    stage.cluster.pushRequestErrors(fault.step, [fault.code])
    try await stage.send(51..<61)
    let failure = try #require(await worker.failure() as? KafkaError)
    #expect(failure.isFatal)
    #expect(stage.events.state.answered == 50)
    await stage.clear()
  }

  @Test(
    .timeLimit(.minutes(5)),
    arguments: [
      (.exactlyOnce, .addPartitionsToTransaction, .topicAuthorizationFailed),
      (.exactlyOnce, .produce, .messageTooLarge), (.atLeastOnce, .produce, .topicAuthorizationFailed),
    ] as [(WorkerSetup.DeliveryGuarantee, KafkaMockCluster.RequestKind, KafkaError.Code)])
  func aRefusalThatStaysEndsTheWorker(
    guarantee: WorkerSetup.DeliveryGuarantee, step: KafkaMockCluster.RequestKind, code: KafkaError.Code
  ) async throws {
    let stage = try await EmbeddedStage(delay: .milliseconds(100))
    let worker = try stage.worker("worker", guarantee: guarantee)
    try await stage.send(1..<51)
    await stage.events.wait { $0.answered == 50 }
    try await stage.send(51..<61)
    stage.cluster.pushRequestErrors(step, Array(repeating: code, count: 1000))
    let failure = try #require(await worker.failure())
    #expect("\(failure)".contains("\(code)"))
    #expect(failure is KafkaPublishError || (failure as? KafkaError)?.isFatal == false)
    #expect(stage.events.state.answered == 50)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(1)))
  func withoutTransactionsWhatWasNotDeliveredGoesAgain() async throws {
    let stage = try await EmbeddedStage(delay: .milliseconds(100))
    let worker = try stage.worker("worker", guarantee: .atLeastOnce)
    try await stage.send(1..<51)
    await stage.events.wait { $0.answered == 50 }
    try await stage.send(51..<101)
    stage.cluster.pushRequestErrors(.produce, [.messageTooLarge])
    await stage.events.wait { $0.answered == 100 && $0.aborts > 0 }
    try await worker.stop()
    #expect(stage.simulator.state.totalCalls == 100)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(2)))
  func withoutTransactionsAnOrderIsSettledOnlyWhenItsResultIsPublished() async throws {
    let stage = try await EmbeddedStage(delay: .milliseconds(500), resultsBroker: 2)
    let first = try stage.worker("worker", guarantee: .atLeastOnce, drainTimeout: .seconds(2))
    await stage.events.wait { $0.restores(of: "worker").flatMap(\.partitions).count == 4 }
    try await stage.send(1..<6)
    await stage.simulator.state.waitForCalls(5)
    // The ledger and the position can be written, the results can't.
    try stage.cluster.setBrokerDown(2)
    let stopped = ContinuousClock.now
    try await first.stop()
    // A drain of 2 s and 5 s more; as much again is left to a busy machine.
    #expect(ContinuousClock.now - stopped < .seconds(14))
    #expect(stage.events.state.answered == 0)
    try stage.cluster.setBrokerUp(2)
    let second = try stage.worker("worker", guarantee: .atLeastOnce)
    await stage.events.wait { $0.answered == 5 }
    try await second.stop()
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(2)), arguments: [WorkerSetup.DeliveryGuarantee.exactlyOnce, .atLeastOnce])
  func aBrokerThatGoesAwayIsWaitedFor(_ guarantee: WorkerSetup.DeliveryGuarantee) async throws {
    let stage = try await EmbeddedStage(delay: .milliseconds(20))
    let worker = try stage.worker("worker", guarantee: guarantee)
    try await stage.send(1..<51)
    await stage.events.wait { $0.answered == 50 }
    try await stage.send(51..<251)
    await stage.simulator.state.waitForCalls(100)
    try stage.cluster.setBrokerDown(1)
    await stage.simulator.state.waitForCalls(120)
    try stage.cluster.setBrokerUp(1)
    await stage.events.wait { $0.answered == 250 }
    try await worker.stop()
    #expect(stage.simulator.state.callsPerOrder.values.allSatisfy { $0 == 1 })
    await stage.clear()
  }
}
