import Kafka
import Testing

@Suite struct ReaderTests {
  @Test(arguments: TestCluster.all)
  func everyPartitionIsReadFromItsOffsetToItsEnd(_ cluster: TestCluster) async throws {
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("to-end", partitions: 3)
    try await cluster.publish(
      cluster.numbered(0..<1000, topic: topic, partition: 0) + cluster.numbered(0..<10, topic: topic, partition: 1))
    let read = Recorder<[KafkaMessage]>([])
    let ends = try await KafkaPartitionReader.readToEnd(
      configuration: cluster.configuration, topic: topic, from: [0: 990, 1: 0, 2: 0], logger: cluster.logger
    ) { messages in read.update { $0 += messages } }
    #expect(ends == [0: 1000, 1: 10, 2: 0])
    #expect(read.state.filter { $0.partition == 0 }.map(\.number) == Array(990..<1000))
    #expect(read.state.filter { $0.partition == 1 }.map(\.number) == Array(0..<10))

    let again = try await KafkaPartitionReader.readToEnd(
      configuration: cluster.configuration, topic: topic, from: ends, logger: cluster.logger
    ) { messages in Issue.record("\(messages.count) messages beyond the end") }
    #expect(again == ends)
  }

  @Test(arguments: TestCluster.all)
  func anOffsetBehindTheEndIsAnError(_ cluster: TestCluster) async throws {
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("behind", partitions: 1)
    try await cluster.publish(cluster.numbered(0..<5, topic: topic))
    do {
      _ = try await KafkaPartitionReader.readToEnd(
        configuration: cluster.configuration, topic: topic, from: [0: 6], logger: cluster.logger
      ) { _ in }
      Issue.record("there is no offset 6")
    } catch let error as KafkaError {
      #expect(error.code == .offsetOutOfRange)
    }
  }

  @Test(arguments: TestCluster.all)
  func anErrorOfTheCallersStopsReading(_ cluster: TestCluster) async throws {
    struct Stop: Error {}
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("stopped", partitions: 1)
    try await cluster.publish(cluster.numbered(0..<5, topic: topic))
    await #expect(throws: Stop.self) {
      _ = try await KafkaPartitionReader.readToEnd(
        configuration: cluster.configuration, topic: topic, from: [0: 0], logger: cluster.logger
      ) { _ in throw Stop() }
    }
  }

  /// One partition has no leader: the others are read to their ends, and it is told by itself that it may be tried again.
  @Test func aPartitionThatCanNotBeReadHoldsUpNoOther() async throws {
    let cluster = try TestCluster.mock.open(brokers: 2)
    let mock = try #require(cluster.mock)
    let topic = try await cluster.createTopic("partly", partitions: 3)
    for partition in 0..<3 as Range<Int32> {
      try mock.setLeader(KafkaTopicPartition(topic: topic, partition: partition), broker: partition == 1 ? 2 : 1)
      try await cluster.publish(cluster.numbered(0..<100, topic: topic, partition: partition))
    }
    try mock.setBrokerDown(2)
    let told = Recorder(Told())
    let reading = Task {
      try await KafkaPartitionReader.read(
        configuration: cluster.configuration, topic: topic, from: [0: 0, 1: 10, 2: 0], logger: cluster.logger,
        timeout: .seconds(4)
      ) { progress in
        told.update { $0.take(progress) }
        return .continue
      }
    }
    let early = try await told.wait("the ends of the others") { $0.ends == [0: 100, 2: 100] }
    #expect(early.failures.isEmpty, "they were not held up")
    try await reading.value
    let failure = try #require(told.state.failures[1])
    #expect(failure.next == 10 && failure.error.isRetriable && !failure.error.isFatal, "\(failure)")
    try mock.setBrokerUp(2)
    let again = Recorder<[Int]>([])
    let end = try await KafkaPartitionReader.readToEnd(
      configuration: cluster.configuration, topic: topic, partition: 1, from: failure.next, logger: cluster.logger
    ) { messages in again.update { $0 += messages.map(\.number) } }
    #expect(end == 100)
    #expect(again.state == Array(10..<100))
  }

  @Test(arguments: TestCluster.all)
  func aPartitionThatNobodyWantsAnyMoreIsReadNoFurther(_ cluster: TestCluster) async throws {
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("unwanted", partitions: 2)
    for partition in 0..<2 as Range<Int32> {
      try await cluster.publish(cluster.numbered(0..<5000, topic: topic, partition: partition))
    }
    let told = Recorder(Told())
    try await KafkaPartitionReader.read(
      configuration: cluster.configuration, topic: topic, from: [0: 0, 1: 6000], logger: cluster.logger
    ) { progress in
      told.update { $0.take(progress) }
      return .stop
    }
    #expect(told.state.ends.isEmpty)
    #expect(told.state.records.count < 5000, "stopped after the first batch")
    #expect(told.state.failures[1]?.error.code == .offsetOutOfRange)
    #expect(told.state.failures[1]?.error.isRetriable == false)
  }

  @Test func aTopicThatIsNotThereIsAnErrorSoon() async throws {
    let cluster = try TestCluster.mock.open()
    let mock = try #require(cluster.mock)
    mock.setTopicError("nowhere", .unknownTopicOrPartition)
    await #expect(throws: KafkaError.self) {
      _ = try await KafkaPartitionReader.readToEnd(
        configuration: cluster.configuration, topic: "nowhere", from: [0: 0], logger: cluster.logger
      ) { _ in }
    }
  }

  @Test func cancellingEndsAReadingThatCanNotGoOn() async throws {
    let cluster = OpenCluster(mock: nil, bootstrap: "127.0.0.1:1")
    let task = Task {
      try await KafkaPartitionReader.readToEnd(
        configuration: cluster.configuration, topic: "t", from: [0: 0], logger: cluster.logger
      ) { _ in }
    }
    try await cluster.log.wait("librdkafka's complaint") { $0.contains { $0.contains("Connect") } }
    task.cancel()
    await #expect(throws: (any Error).self) { _ = try await task.value }
  }

  @Test(arguments: TestCluster.all)
  func aTailSeesWhatIsPublishedAfterItWasOpened(_ cluster: TestCluster) async throws {
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("tail", partitions: 2)
    try await cluster.publish(cluster.numbered(0..<5, topic: topic))
    let tail = try await KafkaTail.open(
      configuration: cluster.configuration, topic: topic, from: .end, logger: cluster.logger)
    #expect(tail.startOffsets == [0: 5, 1: 0])
    try await cluster.publish(cluster.numbered(5..<8, topic: topic))
    let seen = Recorder<[KafkaMessage]>([])
    let running = Task {
      try await tail.run { messages in
        seen.update { $0 += messages }
        return .continue
      }
    }
    try await seen.wait("what came before it ran") { $0.count == 3 }
    try await cluster.publish(cluster.numbered(8..<10, topic: topic, partition: 1))
    try await seen.wait("what came while it ran") { $0.count == 5 }
    #expect(seen.state.map(\.number) == Array(5..<10))
    running.cancel()
    try await running.value
  }

  @Test(arguments: TestCluster.all)
  func aTailStopsWhenItIsTold(_ cluster: TestCluster) async throws {
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("tail", partitions: 1)
    try await cluster.publish(cluster.numbered(0..<5, topic: topic))
    for (start, first) in [(KafkaStartPosition.beginning, 0), (.offsets([0: 3]), 3)] {
      let tail = try await KafkaTail.open(
        configuration: cluster.configuration, topic: topic, from: start, logger: cluster.logger)
      let seen = Recorder<[Int]>([])
      try await tail.run { messages in
        seen.update { $0 += messages.map(\.number) }
        return seen.state.last == 4 ? .stop : .continue
      }
      #expect(seen.state == Array(first..<5))
    }
  }

  @Test func aTailOfNoTopicIsAnError() async throws {
    let cluster = try TestCluster.mock.open()
    cluster.mock?.setTopicError("nowhere", .unknownTopicOrPartition)
    do {
      _ = try await KafkaTail.open(
        configuration: cluster.configuration, topic: "nowhere", from: .end, logger: cluster.logger)
      Issue.record("there is no such topic")
    } catch let error as KafkaError {
      #expect(error.code == .unknownTopic)
    }
  }
}

/// What a reading told.
private struct Told: Sendable {
  var records: [KafkaMessage] = []
  var ends: [Int32: Int64] = [:]
  var failures: [Int32: (next: Int64, error: KafkaError)] = [:]

  mutating func take(_ progress: KafkaPartitionReader.Progress) {
    switch progress {
    case .records(_, let messages): records += messages
    case .end(let partition, let offset): ends[partition] = offset
    case .failure(let partition, let next, let error): failures[partition] = (next, error)
    }
  }
}
