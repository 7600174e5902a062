import Kafka
import Testing

@Suite struct RebalanceTests {
  /// The embedded cluster, and a full Kafka where there is one; noida-db does not replace members.
  static var clusters: [TestCluster] { TestCluster.isFullKafka ? TestCluster.all : [.mock] }

  @Test(arguments: clusters)
  func aSecondMemberTakesItsShareAndGivesItBack(_ cluster: TestCluster) async throws {
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("shared", partitions: 4)
    let group = OpenCluster.uniqueName("group")
    let first = RecordingHandler()
    let second = RecordingHandler()
    let one = try cluster.consumer(topic, group: group, handler: first)
    let two = try cluster.consumer(topic, group: group, handler: second)
    try one.start()
    try await first.recorder.wait("everything for the first") { $0.assigned.count == 4 }
    one.resume(first.recorder.state.assigned.keys, under: first.assignment)
    try await cluster.publish((0..<40).map { KafkaRecord(topic: topic, partition: Int32($0 % 4), value: [1]) })
    try await first.recorder.wait("the messages") { $0.messages.count == 40 }
    let offsets = Dictionary(uniqueKeysWithValues: first.recorder.state.assigned.keys.map { ($0, Int64(10)) })
    let ended = first.assignment
    try await one.commit(offsets, under: ended)

    try two.start()
    try await first.recorder.wait("half for the first") { $0.revocations.count == 1 && $0.assigned.count == 2 }
    try await second.recorder.wait("half for the second") { $0.assigned.count == 2 }
    let halves = (first.recorder.state.assigned, second.recorder.state.assigned)
    #expect(Set(halves.0.keys).isDisjoint(with: halves.1.keys))
    #expect(halves.1.values.allSatisfy { $0 == 10 }, "begins where the first one committed")
    #expect(halves.0.values.allSatisfy { $0 == 10 })
    await #expect(throws: KafkaError.self, "the first assignment has ended") {
      try await one.commit(offsets, under: ended)
    }
    first.keepResuming(one)
    second.keepResuming(two)
    try await cluster.publish((0..<40).map { KafkaRecord(topic: topic, partition: Int32($0 % 4), value: [2]) })
    try await first.recorder.wait("its share") { $0.messages.count == 60 }
    try await second.recorder.wait("its share") { $0.messages.count == 20 }
    #expect(second.recorder.state.messages.allSatisfy { $0.value == [2] })

    #expect(await two.close(timeout: .seconds(20)))
    #expect(!second.recorder.state.revocations.isEmpty)
    try await first.recorder.wait("everything again") { $0.assigned.count == 4 }
    #expect(await one.close(timeout: .seconds(20)))
    #expect(first.recorder.state.failures.isEmpty)
    let ids = first.recorder.state.ids.map(\.rawValue)
    #expect(ids == ids.sorted() && Set(ids).count == ids.count && ids.allSatisfy { $0 >= 1 }, "\(ids)")
    #expect(first.recorder.state.strays == 0 && second.recorder.state.strays == 0)
  }

  /// What is asked for under an assignment that has ended changes nothing of the next one.
  @Test func anEndedAssignmentResumesAndCommitsNothing() async throws {
    let cluster = try TestCluster.mock.open()
    let topic = try await cluster.createTopic("ended", partitions: 1)
    let place = KafkaTopicPartition(topic: topic, partition: 0)
    try await cluster.publish(cluster.numbered(0..<3, topic: topic))
    let handler = RecordingHandler()
    let consumer = try cluster.consumer(topic, group: OpenCluster.uniqueName("group"), handler: handler)
    let producer = try KafkaProducer(
      configuration: cluster.configuration, transactionalID: OpenCluster.uniqueName("id"), logger: cluster.logger)
    try await producer.initTransactions(timeout: .seconds(20))
    try consumer.start()
    try await handler.recorder.wait("the assignment") { $0.ids.count == 1 }
    let ended = handler.assignment
    cluster.mock?.pushRequestErrors(.heartbeat, [.unknownMember])
    try await handler.recorder.wait("the next assignment") { $0.losses.count == 1 && $0.ids.count == 2 }
    consumer.resume([place], under: ended)
    do {
      try await consumer.commit([place: 1], under: ended)
      Issue.record("the assignment has ended")
    } catch let error as KafkaError {
      #expect(error.code == .state && !error.isFatal && !error.isRetriable, "\(error)")
    }
    do {
      try await producer.transact(offsets: [place: 1], consumer: consumer, assignment: ended) { _ in
        Issue.record("the assignment has ended")
      }
      Issue.record("the assignment has ended")
    } catch let error as KafkaError {
      #expect(error.code == .state && error.mustAbortTransaction && !error.isFatal, "\(error)")
    }
    #expect(try await consumer.committed([place])[place] == .some(nil))
    #expect(handler.recorder.state.messages.isEmpty, "still held")
    consumer.resume([place], under: handler.assignment)
    try await handler.recorder.wait("the messages") { $0.messages.count == 3 }
    #expect(await consumer.close(timeout: .seconds(20)))
    #expect(await producer.close(timeout: .seconds(10)))
  }

  @Test(arguments: clusters)
  func partitionsStillBelongToTheMemberWhileItIsToldOfTheirRevocation(_ cluster: TestCluster) async throws {
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("revoked", partitions: 2)
    // As many as are committed below: a position beyond the end of its log is a fault.
    try await cluster.publish(
      (0..<20).map { KafkaRecord(topic: topic, partition: $0 % 2, key: nil, value: Array("\($0)".utf8)) })
    let group = OpenCluster.uniqueName("group")
    let asked = Recorder(false)
    let gate = Gate()
    let first = RecordingHandler(onRevoked: { _ in
      asked.update { $0 = true }
      gate.wait()
    })
    let second = RecordingHandler()
    let one = try cluster.consumer(topic, group: group, handler: first)
    let two = try cluster.consumer(topic, group: group, handler: second)
    try one.start()
    try await first.recorder.wait("the assignment") { $0.assigned.count == 2 }
    try two.start()
    try await asked.wait("the revocation") { $0 }
    // The polling thread waits in the handler; committing has to work all the same.
    let offsets = Dictionary(uniqueKeysWithValues: first.recorder.state.assigned.keys.map { ($0, Int64(5)) })
    do {
      try await one.commit(offsets, under: first.assignment)
    } catch let error as KafkaError where cluster.mock != nil {
      // A Kafka takes it; the embedded cluster refuses everything while a group is being rebalanced.
      #expect(error.code == .rebalanceInProgress)
    }
    #expect(second.recorder.state.assigned.isEmpty)
    gate.open()
    try await second.recorder.wait("its share") { $0.assigned.count == 1 }
    #expect(second.recorder.state.assigned.values.allSatisfy { $0 == (cluster.mock == nil ? 5 : nil) })
    #expect(await one.close(timeout: .seconds(20)))
    #expect(await two.close(timeout: .seconds(20)))
  }

  /// What is settled goes out with the position while the member still has the partitions.
  @Test(arguments: clusters)
  func aTransactionGoesThroughWhileThePartitionsAreBeingRevoked(_ cluster: TestCluster) async throws {
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("revoked", partitions: 2)
    // As many as are committed below: a position beyond the end of its log is a fault.
    try await cluster.publish(
      (0..<20).map { KafkaRecord(topic: topic, partition: $0 % 2, key: nil, value: Array("\($0)".utf8)) })
    let group = OpenCluster.uniqueName("group")
    let asked = Recorder(false)
    let gate = Gate()
    let first = RecordingHandler(onRevoked: { _ in
      asked.update { $0 = true }
      gate.wait()
    })
    let second = RecordingHandler()
    let one = try cluster.consumer(topic, group: group, handler: first)
    let two = try cluster.consumer(topic, group: group, handler: second)
    let producer = try KafkaProducer(
      configuration: cluster.configuration, transactionalID: group, logger: cluster.logger)
    try await producer.initTransactions(timeout: .seconds(20))
    try one.start()
    try await first.recorder.wait("the assignment") { $0.assigned.count == 2 }
    try two.start()
    try await asked.wait("the revocation") { $0 }
    let offsets = Dictionary(uniqueKeysWithValues: first.recorder.state.assigned.keys.map { ($0, Int64(5)) })
    try await producer.transact(offsets: offsets, consumer: one, assignment: first.assignment) { sink in
      try sink.send(topic: topic, partition: 0, key: nil, value: [1])
    }
    gate.open()
    try await second.recorder.wait("its share") { $0.assigned.count == 1 }
    if cluster.mock == nil { #expect(second.recorder.state.assigned.values.allSatisfy { $0 == 5 }) }
    #expect(await one.close(timeout: .seconds(20)))
    #expect(await two.close(timeout: .seconds(20)))
    #expect(await producer.close(timeout: .seconds(10)))
  }

  @Test func offsetsThatCanNotBeReadAtOnceAreAskedForAgain() async throws {
    let cluster = try TestCluster.mock.open()
    let topic = try await cluster.createTopic("stubborn", partitions: 1)
    cluster.mock?.pushRequestErrors(
      .offsetFetch,
      [
        .unstableOffsetCommit, .unstableOffsetCommit, .groupAuthorizationFailed, .notCoordinator,
        .coordinatorLoadInProgress,
      ])
    let handler = RecordingHandler()
    let consumer = try cluster.consumer(topic, group: OpenCluster.uniqueName("group"), handler: handler)
    try consumer.start()
    try await handler.recorder.wait("the assignment") { $0.assigned.count == 1 }
    #expect(handler.recorder.state.failures.contains { $0.code == .groupAuthorizationFailed })
    #expect(handler.recorder.state.failures.allSatisfy { !$0.isFatal })
    try await cluster.publish(cluster.numbered(0..<3, topic: topic))
    consumer.resume(handler.recorder.state.assigned.keys, under: handler.assignment)
    try await handler.recorder.wait("the messages") { $0.messages.count == 3 }
    #expect(await consumer.close(timeout: .seconds(20)))
  }

  @Test func aMemberWhoseSessionExpiredIsToldThatItLostItsPartitions() async throws {
    let cluster = try TestCluster.mock.open()
    let topic = try await cluster.createTopic("expired", partitions: 2)
    let handler = RecordingHandler()
    let consumer = try cluster.consumer(topic, group: OpenCluster.uniqueName("group"), handler: handler)
    try consumer.start()
    try await handler.recorder.wait("the assignment") { $0.assigned.count == 2 }
    cluster.mock?.pushRequestErrors(.heartbeat, [.unknownMember])
    let lost = try await handler.recorder.wait("the loss") { $0.losses.count == 1 }
    #expect(lost.losses[0].count == 2)
    #expect(lost.revocations.isEmpty)
    try await handler.recorder.wait("a new assignment") { $0.assigned.count == 2 }
    #expect(await consumer.close(timeout: .seconds(20)))
  }

  @Test func aFencedStaticMemberEndsForGood() async throws {
    let cluster = try TestCluster.mock.open()
    let topic = try await cluster.createTopic("fenced", partitions: 2)
    let handler = RecordingHandler()
    let consumer = try cluster.consumer(
      topic, group: OpenCluster.uniqueName("group"), handler: handler, instance: "static")
    try consumer.start()
    try await handler.recorder.wait("the assignment") { $0.assigned.count == 2 }
    cluster.mock?.pushRequestErrors(.heartbeat, [.fencedInstanceID])
    let state = try await handler.recorder.wait("the end") { state in
      state.failures.contains { $0.isFatal } && state.losses.count == 1
    }
    #expect(state.failures.contains { $0.isFatal && $0.code == .fencedInstanceID })
    #expect(state.revocations.isEmpty)
    #expect(await consumer.close(timeout: .seconds(20)))
  }

  @Test func aTopicThatDoesNotExistIsToldAndTakenUpOnceItDoes() async throws {
    let cluster = try TestCluster.mock.open(properties: [
      "topic.metadata.refresh.interval.ms": "200", "topic.metadata.propagation.max.ms": "100",
    ])
    let mock = try #require(cluster.mock)
    let topic = OpenCluster.uniqueName("later")
    mock.setTopicError(topic, .unknownTopicOrPartition)
    let handler = RecordingHandler()
    let consumer = try cluster.consumer(topic, group: OpenCluster.uniqueName("group"), handler: handler)
    try consumer.start()
    try await handler.recorder.wait("the complaint") { $0.failures.contains { $0.code == .unknownTopicOrPartition } }
    #expect(handler.recorder.state.failures.allSatisfy { !$0.isFatal })
    mock.setTopicError(topic, .none)
    try await handler.recorder.wait("the assignment") { !$0.assigned.isEmpty }
    #expect(await consumer.close(timeout: .seconds(20)))
  }

  @Test func closingIsBoundedWhenTheClusterIsGone() async throws {
    let cluster = try TestCluster.mock.open()
    let topic = try await cluster.createTopic("gone", partitions: 2)
    let handler = RecordingHandler()
    let consumer = try cluster.consumer(topic, group: OpenCluster.uniqueName("group"), handler: handler)
    try consumer.start()
    try await handler.recorder.wait("the assignment") { $0.assigned.count == 2 }
    try cluster.mock?.setBrokerDown(1)
    let start = ContinuousClock.now
    await consumer.close(timeout: .seconds(2))
    #expect(ContinuousClock.now - start < .seconds(20))
    try await handler.recorder.wait("the end of the assignment") { $0.assigned.isEmpty }
    await #expect(throws: KafkaError.self) {
      try await consumer.commit([.init(topic: topic, partition: 0): 1], under: handler.assignment)
    }
  }

  /// Reading such a log from its start would process records a second time.
  @Test(arguments: TestCluster.all)
  func aPositionBeyondTheEndOfTheLogStopsTheConsumer(_ cluster: TestCluster) async throws {
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("shorter", partitions: 2)
    let group = OpenCluster.uniqueName("group")
    try await cluster.publish(cluster.numbered(0..<3, topic: topic))
    let place = KafkaTopicPartition(topic: topic, partition: 0)
    let first = RecordingHandler()
    let consumer = try cluster.consumer(topic, group: group, handler: first)
    try consumer.start()
    try await first.recorder.wait("the assignment") { $0.ids.count == 1 }
    try await consumer.commit([place: 1000], under: first.assignment)
    #expect(await consumer.close(timeout: .seconds(10)))

    let second = RecordingHandler()
    let successor = try cluster.consumer(topic, group: group, handler: second)
    try successor.start()
    let state = try await second.recorder.wait("the error") { !$0.failures.isEmpty }
    let error = try #require(state.failures.first)
    #expect(error.code == .positionBeyondEnd && error.isFatal && !error.mayPass, "\(error)")
    #expect(error.code.name == "POSITION_BEYOND_END")
    for fact in ["1000", "beyond the end of the log, 3", "\(place)", "--reset-offsets"] {
      #expect("\(error)".contains(fact), "\(error)")
    }
    #expect(state.ids.isEmpty && state.messages.isEmpty)
    #expect(await successor.close(timeout: .seconds(10)))
  }

  /// Nothing is rewound in silence: the member joins again, and the next assignment begins at the committed offset.
  @Test func aPositionThatTheBrokerRefusesIsHeldAgainstTheLog() async throws {
    let cluster = try TestCluster.mock.open()
    let topic = try await cluster.createTopic("refused", partitions: 1)
    let place = KafkaTopicPartition(topic: topic, partition: 0)
    try await cluster.publish(cluster.numbered(0..<5, topic: topic))
    let handler = RecordingHandler()
    let consumer = try cluster.consumer(topic, group: OpenCluster.uniqueName("group"), handler: handler)
    try consumer.start()
    try await handler.recorder.wait("the assignment") { $0.ids.count == 1 }
    consumer.resume([place], under: handler.assignment)
    try await handler.recorder.wait("the messages") { $0.messages.count == 5 }
    try await consumer.commit([place: 4], under: handler.assignment)
    cluster.mock?.pushRequestErrors(.fetch, [.offsetOutOfRange])
    try await handler.recorder.wait("the next assignment") { $0.ids.count == 2 }
    #expect(handler.recorder.state.assigned[place] == 4)
    try await cluster.publish(cluster.numbered(5..<8, topic: topic))
    consumer.resume([place], under: handler.assignment)
    let state = try await handler.recorder.wait("the rest") { $0.messages.count >= 9 }
    #expect(state.messages.map(\.number) == [0, 1, 2, 3, 4, 4, 5, 6, 7])
    #expect(state.failures.contains { $0.code == .offsetOutOfRange } && state.failures.allSatisfy { !$0.isFatal })
    #expect(state.revocations.count == 1)
    #expect(await consumer.close(timeout: .seconds(10)))
  }

  @Test func aConsumerThatNeverStartedClosesAtOnce() async throws {
    let cluster = try TestCluster.mock.open()
    let consumer = try cluster.consumer("none", group: "none", handler: RecordingHandler())
    #expect(await consumer.close(timeout: .seconds(1)))
  }
}
