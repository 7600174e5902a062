import Kafka
import Testing

/// A broker's error at one step of a transaction, and what has to come of it.
struct TransactionFault: Sendable, CustomStringConvertible {
  enum Outcome: Sendable {
    /// Retried in place: the caller sees nothing.
    case succeeds
    /// Aborted: the same content goes into the next transaction.
    case aborts
    /// The producer is done with.
    case fatal
  }

  var step: KafkaMockCluster.RequestKind
  var code: KafkaError.Code
  var outcome: Outcome

  var description: String { "\(code) at request \(step.rawValue) \(outcome)" }

  private static let table: [(KafkaMockCluster.RequestKind, KafkaError.Code, Outcome)] = [
    (.addOffsetsToTransaction, .coordinatorNotAvailable, .succeeds),
    (.addOffsetsToTransaction, .notCoordinator, .succeeds),
    (.addOffsetsToTransaction, .coordinatorLoadInProgress, .succeeds),
    (.addOffsetsToTransaction, .concurrentTransactions, .succeeds),
    (.addOffsetsToTransaction, .groupAuthorizationFailed, .aborts),
    (.addOffsetsToTransaction, .producerFenced, .fatal),
    (.transactionalOffsetCommit, .coordinatorLoadInProgress, .succeeds),
    (.transactionalOffsetCommit, .notCoordinator, .succeeds),
    (.transactionalOffsetCommit, .illegalGeneration, .aborts),
    (.transactionalOffsetCommit, .unknownMember, .aborts),
    (.transactionalOffsetCommit, .fencedInstanceID, .aborts),
    (.transactionalOffsetCommit, .groupAuthorizationFailed, .aborts),
    (.transactionalOffsetCommit, .invalidProducerEpoch, .fatal),
    (.addPartitionsToTransaction, .coordinatorNotAvailable, .succeeds),
    (.addPartitionsToTransaction, .notCoordinator, .succeeds),
    (.addPartitionsToTransaction, .concurrentTransactions, .succeeds),
    (.addPartitionsToTransaction, .topicAuthorizationFailed, .aborts),
    (.addPartitionsToTransaction, .producerFenced, .fatal),
    (.produce, .notLeader, .succeeds),
    (.produce, .requestTimedOut, .succeeds),
    (.produce, .topicAuthorizationFailed, .aborts),
    (.produce, .messageTooLarge, .aborts),
    (.endTransaction, .coordinatorNotAvailable, .succeeds),
    (.endTransaction, .notCoordinator, .succeeds),
    (.endTransaction, .concurrentTransactions, .succeeds),
    (.endTransaction, .invalidProducerEpoch, .fatal),
  ]

  static let all = table.map { TransactionFault(step: $0.0, code: $0.1, outcome: $0.2) }
}

@Suite struct TransactionFaultTests {
  @Test(arguments: TransactionFault.all)
  func eachFaultEndsAsItMust(_ fault: TransactionFault) async throws {
    try await withTransactions { session in
      session.mock.pushRequestErrors(fault.step, [fault.code])
      do {
        try await session.transact(2)
        #expect(fault.outcome == .succeeds)
      } catch let error as KafkaError {
        switch fault.outcome {
        case .succeeds: Issue.record("\(error)")
        case .aborts:
          #expect(error.mustAbortTransaction && !error.isFatal, "\(error)")
          // librdkafka refuses the topic by itself until it hears better of it.
          if fault.step == .produce, fault.code == .topicAuthorizationFailed { return }
          // The producer stands: the same content goes through. It may take an abort more, for a new epoch.
          try await session.transactAgain(2)
        case .fatal:
          #expect(error.isFatal, "\(error)")
          await #expect(throws: KafkaError.self, "it stays so") { try await session.transact(3) }
          return
        }
      }
      try await session.transact(3)
    }
  }

  @Test func aProduceClosureThatThrowsAbortsAndTheNextTransactionGoesThrough() async throws {
    struct Stop: Error {}
    try await withTransactions { session in
      let topic = session.topic
      await #expect(throws: Stop.self) {
        try await session.producer.transact(
          offsets: [session.place: 9], consumer: session.consumer, assignment: session.assignment
        ) { sink in
          try sink.send(topic: topic, partition: 0, key: nil, value: [1])
          throw Stop()
        }
      }
      try await session.transact(3)
    }
  }

  @Test func aCoordinatorThatMovesInMidFlightIsFollowed() async throws {
    try await withTransactions(brokers: 3) { session in
      for broker in [2, 3, 1, 2] as [Int32] {
        try session.mock.setCoordinator(transactionalID: session.transactionalID, broker: broker)
        try session.mock.setCoordinator(group: session.group, broker: broker)
        try await session.transact(2)
      }
    }
  }

  @Test func aBrokerThatGoesAwayForAWhileIsWaitedFor() async throws {
    try await withTransactions { session in
      try session.mock.setBrokerDown(1)
      let sent = Recorder(false)
      async let transaction: Void = session.transact(2) { sent.update { $0 = true } }
      _ = try await session.log.wait("librdkafka's complaint") { $0.contains { $0.contains("Connect") } }
      try session.mock.setBrokerUp(1)
      try await transaction
      try await session.transact(3)
    }
  }

  @Test func offsetsWithoutAConsumerAreRefusedBeforeAnythingBegins() async throws {
    try await withTransactions { session in
      await #expect(throws: KafkaError.self) {
        try await session.producer.transact(offsets: [session.place: 1]) { _ in }
      }
      try await session.transact(2)
    }
  }

  @Test func initialisationIsRetriedAndItsErrorsAreTold() async throws {
    let cluster = try TestCluster.mock.open()
    let mock = try #require(cluster.mock)
    mock.pushRequestErrors(.initProducerID, [.coordinatorNotAvailable, .coordinatorLoadInProgress, .notCoordinator])
    let producer = try KafkaProducer(
      configuration: cluster.configuration, transactionalID: "retried", logger: cluster.logger)
    try await producer.initTransactions(timeout: .seconds(20))
    #expect(await producer.close(timeout: .seconds(5)))

    mock.pushRequestErrors(.initProducerID, [.transactionalIDAuthorizationFailed])
    let refused = try KafkaProducer(
      configuration: cluster.configuration, transactionalID: "refused", logger: cluster.logger)
    do {
      try await refused.initTransactions(timeout: .seconds(20))
      Issue.record("it was refused")
    } catch let error as KafkaError {
      #expect(error.isFatal && error.code == .transactionalIDAuthorizationFailed, "\(error)")
    }
    #expect(await refused.close(timeout: .seconds(5)))
  }

  @Test func anUnreachableClusterIsToldInTime() async throws {
    let configuration = KafkaClientConfiguration(bootstrapServers: "127.0.0.1:1", clientID: "tests")
    let cluster = OpenCluster(mock: nil, bootstrap: "127.0.0.1:1")
    let failures = Recorder<[KafkaError]>([])
    let producer = try KafkaProducer(
      configuration: configuration, transactionalID: "nobody", logger: cluster.logger
    ) { error in failures.update { $0.append(error) } }
    do {
      try await producer.initTransactions(timeout: .seconds(1))
      Issue.record("nobody is there")
    } catch let error as KafkaError {
      #expect(error.isRetriable && !error.isFatal, "\(error)")
    }
    try await failures.wait("the connection's own error") {
      $0.contains { $0.code == .transport || $0.code == .allBrokersDown }
    }
    #expect(await producer.close(timeout: .seconds(10)))
  }
}

/// A member of a group and a transactional producer, ready to work together.
private struct Session: Sendable {
  let mock: KafkaMockCluster
  let log: Recorder<[String]>
  let topic: String
  let group: String
  let transactionalID: String
  let consumer: KafkaConsumer
  let assignment: KafkaAssignmentID
  let producer: KafkaProducer

  var place: KafkaTopicPartition { KafkaTopicPartition(topic: topic, partition: 0) }

  func transact(_ number: Int, begun: @escaping @Sendable () -> Void = {}) async throws {
    try await producer.transact(
      offsets: [place: Int64(number)], consumer: consumer, assignment: assignment
    ) { sink in
      begun()
      try sink.send(
        topic: topic, partition: 0, key: nil, value: [UInt8(number)], headers: [KafkaHeader(name: "n", value: "1")])
    }
  }

  func transactAgain(_ number: Int) async throws {
    do {
      try await transact(number)
    } catch let error as KafkaError where error.mustAbortTransaction && !error.isFatal {
      try await transact(number)
    }
  }
}

private func withTransactions(
  brokers: Int = 1, _ body: @Sendable (Session) async throws -> Void
) async throws {
  let cluster = try TestCluster.mock.open(brokers: brokers)
  let mock = try #require(cluster.mock)
  let topic = try await cluster.createTopic("transactions", partitions: 1)
  let group = OpenCluster.uniqueName("group")
  let transactionalID = OpenCluster.uniqueName("producer")
  let handler = RecordingHandler()
  let consumer = try cluster.consumer(topic, group: group, handler: handler)
  try consumer.start()
  let producer = try KafkaProducer(
    configuration: cluster.configuration, transactionalID: transactionalID, logger: cluster.logger)
  try await producer.initTransactions(timeout: .seconds(20))
  try await handler.recorder.wait("the assignment") { $0.assigned.count == 1 }
  let session = Session(
    mock: mock, log: cluster.log, topic: topic, group: group, transactionalID: transactionalID, consumer: consumer,
    assignment: handler.assignment, producer: producer)
  try await session.transact(1)
  try await body(session)
  #expect(await producer.close(timeout: .seconds(10)))
  #expect(await consumer.close(timeout: .seconds(10)))
}
