import Kafka
import Testing

@Suite struct ProduceConsumeTests {
  @Test(arguments: TestCluster.all)
  func everyPartOfARecordComesBackAsItWasSent(_ cluster: TestCluster) async throws {
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("round-trip", partitions: 1)
    let sent = [
      KafkaRecord(
        topic: topic, partition: 0, key: Array("key".utf8), value: Array("value".utf8),
        headers: [
          KafkaHeader(name: "text", value: "täxt"), KafkaHeader(name: "null", value: nil as [UInt8]?),
          KafkaHeader(name: "empty", value: []), KafkaHeader(name: "text", value: [0, 255, 1]),
        ], timestampMilliseconds: 1_700_000_000_123),
      KafkaRecord(topic: topic, partition: 0, key: Array("key".utf8), value: nil),
      KafkaRecord(topic: topic, partition: 0, key: nil, value: []),
      KafkaRecord(topic: topic, partition: 0, key: [], value: [0, 1, 2, 255]),
    ]
    let positions = try await cluster.publish(sent)
    #expect(positions == (0..<4).map { KafkaRecordPosition(partition: 0, offset: $0) })

    let handler = RecordingHandler()
    let consumer = try cluster.consumer(topic, group: OpenCluster.uniqueName("group"), handler: handler)
    try consumer.start()
    let assigned = try await handler.recorder.wait("the assignment") { $0.assigned.count == 1 }
    #expect(
      assigned.assignments
        == [[KafkaAssignment(partition: .init(topic: topic, partition: 0), startOffset: nil, logEnd: 4)]])
    #expect(assigned.messages.isEmpty, "held until resumed")
    consumer.resume(assigned.assigned.keys, under: handler.assignment)
    let received = try await handler.recorder.wait("the messages") { $0.messages.count == 4 }.messages
    for (message, record) in zip(received, sent) {
      #expect(message.topic == topic)
      #expect(message.key == record.key)
      #expect(message.value == record.value)
      #expect(message.headers == record.headers)
    }
    #expect(received.map(\.offset) == [0, 1, 2, 3])
    #expect(received[0].timestampMilliseconds == 1_700_000_000_123)
    #expect(await consumer.close(timeout: .seconds(10)))
    #expect(handler.recorder.state.revocations.count == 1)
    #expect(handler.recorder.state.strays == 0)
  }

  @Test(arguments: TestCluster.all)
  func committedOffsetsAreWhereTheNextMemberBegins(_ cluster: TestCluster) async throws {
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("committed", partitions: 2)
    let group = OpenCluster.uniqueName("group")
    try await cluster.publish(cluster.numbered(0..<10, topic: topic))
    let place = KafkaTopicPartition(topic: topic, partition: 0)

    let first = RecordingHandler()
    let consumer = try cluster.consumer(topic, group: group, handler: first)
    try consumer.start()
    try await first.recorder.wait("the assignment") { $0.assigned.count == 2 }
    consumer.resume(first.recorder.state.assigned.keys, under: first.assignment)
    try await first.recorder.wait("the messages") { $0.messages.count == 10 }
    try await consumer.commit([place: 7], under: first.assignment)
    let committed = try await consumer.committed([place, KafkaTopicPartition(topic: topic, partition: 1)])
    #expect(committed[place] == 7)
    #expect(committed[KafkaTopicPartition(topic: topic, partition: 1)] == .some(nil))
    #expect(await consumer.close(timeout: .seconds(10)))

    let second = RecordingHandler()
    let successor = try cluster.consumer(topic, group: group, handler: second)
    try successor.start()
    try await second.recorder.wait("the assignment") { $0.assigned.count == 2 }
    #expect(second.recorder.state.assigned[place] == 7)
    successor.resume([place], under: second.assignment)
    try await second.recorder.wait("the rest") { $0.messages.count == 3 }
    #expect(second.recorder.state.messages.map(\.number) == [7, 8, 9])
    #expect(await successor.close(timeout: .seconds(10)))
  }

  @Test(arguments: TestCluster.all)
  func recordsOfAKeyMeetInOnePartition(_ cluster: TestCluster) async throws {
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("keys", partitions: 4)
    let records = (0..<40).map { KafkaRecord(topic: topic, key: Array("order-\($0 % 8)".utf8), value: [1]) }
    let positions = try await cluster.publish(records)
    for index in 8..<40 { #expect(positions[index].partition == positions[index % 8].partition) }
    // Java's murmur2 puts this key into the same partition.
    #expect(Set(positions.map(\.partition)).count > 1)
  }

  @Test func aRecordThatIsTooLargeHarmsNoOther() async throws {
    let cluster = try TestCluster.mock.open(properties: ["message.max.bytes": "2000"])
    let topic = try await cluster.createTopic("large", partitions: 1)
    let producer = try KafkaProducer(
      configuration: cluster.configuration, transactionalID: nil, logger: cluster.logger)
    let positions = try await producer.publish { sink in
      try sink.send(topic: topic, partition: 0, key: nil, value: [1])
      #expect(throws: KafkaError.self) {
        try sink.send(
          topic: topic, partition: 0, key: nil, value: [UInt8](repeating: 0, count: 5000),
          headers: [KafkaHeader(name: "a", value: "b")])
      }
      try sink.send(topic: topic, partition: 0, key: nil, value: [2])
    }
    #expect(positions.count == 2)
    #expect(await producer.close(timeout: .seconds(5)))
  }

  @Test func publishTellsWhichRecordsFailed() async throws {
    let cluster = try TestCluster.mock.open()
    let topic = try await cluster.createTopic("partly", partitions: 2)
    let producer = try KafkaProducer(
      configuration: cluster.configuration, transactionalID: nil, logger: cluster.logger)
    // The partition's existence shows only after the topic's metadata came, so that this record is queued first.
    let records = cluster.numbered(0..<2, topic: topic) + cluster.numbered(2..<4, topic: topic, partition: 9)
    do {
      try await producer.publish(records)
      Issue.record("the partition does not exist")
    } catch let error as KafkaPublishError {
      #expect(error.failures.map(\.index) == [2, 3])
      #expect(error.failures.allSatisfy { $0.error.code == .unknownPartition })
    }
    #expect(await producer.close(timeout: .seconds(5)))
  }
}
