import Kafka
import Testing

@Suite(.enabled(if: TestCluster.bootstrap != nil, "needs a broker with transactions: KAFKA_BOOTSTRAP"))
struct TransactionTests {
  private func open() throws -> OpenCluster { try TestCluster.broker(TestCluster.bootstrap ?? "").open() }

  private func producer(_ cluster: OpenCluster, _ id: String) async throws -> KafkaProducer {
    let producer = try KafkaProducer(
      configuration: cluster.configuration, transactionalID: id, logger: cluster.logger)
    try await producer.initTransactions(timeout: .seconds(30))
    return producer
  }

  @Test func recordsAndPositionMoveTogetherOrNotAtAll() async throws {
    struct Stop: Error {}
    let cluster = try open()
    let requests = try await cluster.createTopic("requests", partitions: 2)
    let results = try await cluster.createTopic("results", partitions: 2)
    let group = OpenCluster.uniqueName("group")
    try await cluster.publish(cluster.numbered(0..<10, topic: requests))
    let place = KafkaTopicPartition(topic: requests, partition: 0)
    let handler = RecordingHandler()
    let consumer = try cluster.consumer(requests, group: group, handler: handler, instance: "member")
    try consumer.start()
    try await handler.recorder.wait("the assignment") { $0.assigned.count == 2 }
    consumer.resume([place], under: handler.assignment)
    try await handler.recorder.wait("the requests") { $0.messages.count == 10 }
    let producer = try await producer(cluster, OpenCluster.uniqueName("producer"))

    try await producer.transact(offsets: [place: 4], consumer: consumer, assignment: handler.assignment) { sink in
      for number in 0..<4 { try sink.send(topic: results, partition: 0, key: nil, value: Array("\(number)".utf8)) }
    }
    #expect(try await consumer.committed([place])[place] == 4)
    await #expect(throws: Stop.self) {
      try await producer.transact(offsets: [place: 9], consumer: consumer, assignment: handler.assignment) { sink in
        for number in 4..<9 { try sink.send(topic: results, partition: 0, key: nil, value: Array("\(number)".utf8)) }
        throw Stop()
      }
    }
    #expect(try await consumer.committed([place])[place] == 4, "an aborted transaction moves nothing")
    try await producer.transact(offsets: [place: 10], consumer: consumer, assignment: handler.assignment) { sink in
      for number in 4..<10 { try sink.send(topic: results, partition: 1, key: nil, value: Array("\(number)".utf8)) }
    }
    #expect(try await consumer.committed([place])[place] == 10)
    let read = try await cluster.readAll(results, partitions: 2)
    #expect(read.map(\.number).sorted() == Array(0..<10))
    #expect(await consumer.close(timeout: .seconds(10)))
    #expect(await producer.close(timeout: .seconds(10)))
  }

  @Test func aSuccessorFencesItsPredecessor() async throws {
    let cluster = try open()
    let topic = try await cluster.createTopic("fencing", partitions: 1)
    let id = OpenCluster.uniqueName("producer")
    let old = try await producer(cluster, id)
    try await old.transact { sink in try sink.send(topic: topic, partition: 0, key: nil, value: Array("1".utf8)) }
    let new = try await producer(cluster, id)
    do {
      try await old.transact { sink in try sink.send(topic: topic, partition: 0, key: nil, value: Array("2".utf8)) }
      Issue.record("it has a successor")
    } catch let error as KafkaError {
      #expect(error.isFatal, "\(error)")
    }
    await #expect(throws: KafkaError.self) { try await old.transact { _ in } }
    try await new.transact { sink in try sink.send(topic: topic, partition: 0, key: nil, value: Array("3".utf8)) }
    #expect(try await cluster.readAll(topic, partitions: 1).map(\.number) == [1, 3])
    #expect(await old.close(timeout: .seconds(10)))
    #expect(await new.close(timeout: .seconds(10)))
  }

  /// The end is the high watermark: with an open transaction in the log the reader waits until it is decided.
  @Test(.enabled(if: TestCluster.isFullKafka, "noida-db shows nothing of an open transaction, not even its offsets"))
  func aReaderWaitsForATransactionThatIsStillOpen() async throws {
    let cluster = try open()
    let topic = try await cluster.createTopic("open", partitions: 1)
    let producer = try await producer(cluster, OpenCluster.uniqueName("producer"))
    try await producer.transact { sink in try sink.send(topic: topic, partition: 0, key: nil, value: Array("1".utf8)) }
    let written = Recorder(false)
    let gate = Gate()
    let admin = try KafkaAdmin(configuration: cluster.configuration, logger: cluster.logger)
    // Reading to the end waits for the first transaction's mark, which lengthens the log too.
    _ = try await KafkaPartitionReader.readToEnd(
      configuration: cluster.configuration, topic: topic, from: [0: 0], logger: cluster.logger
    ) { _ in }
    let before = try await admin.watermarks(of: topic)[0]?.high ?? 0
    async let transaction: Void = producer.transact { sink in
      try sink.send(topic: topic, partition: 0, key: nil, value: Array("2".utf8))
      written.update { $0 = true }
      gate.wait()
    }
    try await written.wait("the record") { $0 }
    // The record is on its way; the log has grown once the broker has it.
    var high = before
    let deadline = ContinuousClock.now + .seconds(20)
    while high == before, .now < deadline { high = try await admin.watermarks(of: topic)[0]?.high ?? 0 }
    #expect(high > before)
    let read = Recorder<[Int]>([])
    let reading = Task {
      try await KafkaPartitionReader.readToEnd(
        configuration: cluster.configuration, topic: topic, from: [0: 0], logger: cluster.logger
      ) { messages in read.update { $0 += messages.map(\.number) } }
    }
    try await read.wait("what is stable") { $0 == [1] }
    gate.open()
    try await transaction
    #expect(try await reading.value == [0: high])
    #expect(read.state == [1, 2])
    #expect(await producer.close(timeout: .seconds(10)))
    #expect(await admin.close(timeout: .seconds(10)))
  }

  @Test func aThousandRecordsWithHeadersGoThroughTogether() async throws {
    let cluster = try open()
    let topic = try await cluster.createTopic("many", partitions: 4)
    let producer = try await producer(cluster, OpenCluster.uniqueName("producer"))
    for portion in 0..<5 {
      try await producer.transact { sink in
        for number in portion * 1000..<(portion + 1) * 1000 {
          try sink.send(
            topic: topic, partition: Int32(number % 4), key: Array("k\(number)".utf8), value: Array("\(number)".utf8),
            headerCount: 2
          ) { headers in
            headers.add("ce_id", "\(number)")
            headers.add("none", nil)
          }
        }
      }
    }
    let read = try await cluster.readAll(topic, partitions: 4)
    #expect(read.map(\.number).sorted() == Array(0..<5000))
    let headers = read.allSatisfy { message in
      message.headers == [
        KafkaHeader(name: "ce_id", value: message.text), KafkaHeader(name: "none", value: nil as [UInt8]?),
      ]
    }
    #expect(headers)
    #expect(await producer.close(timeout: .seconds(10)))
  }
}
