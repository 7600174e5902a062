import CancelCore
import Kafka
import Synchronization
import Testing

@Suite struct PauseTests {
  /// Pauses and resumes at random while thousands of messages flow: each comes once, in order.
  @Test(arguments: TestCluster.all)
  func pausingLosesAndRepeatsNothing(_ cluster: TestCluster) async throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix64(seed: seed)
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("pausing", partitions: 3)
    let count = 6000
    let handler = RecordingHandler()
    let consumer = try cluster.consumer(topic, group: OpenCluster.uniqueName("group"), handler: handler)
    try consumer.start()
    let partitions = Array(try await handler.recorder.wait("the assignment") { $0.assigned.count == 3 }.assigned.keys)
    consumer.resume(partitions, under: handler.assignment)
    // Publishes in portions, so that pauses meet full queues, empty ones and those being filled.
    for portion in 0..<30 {
      let numbers = portion * 200..<(portion + 1) * 200
      try await cluster.publish(
        numbers.map { KafkaRecord(topic: topic, partition: Int32($0 % 3), value: Array("\($0)".utf8)) })
      for _ in 0..<Int.random(in: 0..<6, using: &random) {
        let some = partitions.filter { _ in Bool.random(using: &random) }
        if Bool.random(using: &random) {
          consumer.pause(some, under: handler.assignment)
        } else {
          consumer.resume(some, under: handler.assignment)
        }
      }
      if Int.random(in: 0..<3, using: &random) == 0 {
        let least = handler.recorder.state.messages.count + 1
        consumer.resume(partitions, under: handler.assignment)
        try await handler.recorder.wait("progress, seed \(seed)") {
          $0.messages.count >= min(least, numbers.upperBound)
        }
      }
    }
    consumer.resume(partitions, under: handler.assignment)
    let messages = try await handler.recorder.wait("all, seed \(seed)") { $0.messages.count >= count }.messages
    for partition in 0..<3 {
      let numbers = messages.filter { Int($0.partition) == partition }.map(\.number)
      #expect(numbers == Array(stride(from: partition, to: count, by: 3)), "seed \(seed)")
    }
    #expect(await consumer.close(timeout: .seconds(10)))
  }

  @Test(arguments: TestCluster.all)
  func aHeldPartitionGivesNothingWhileOthersFlow(_ cluster: TestCluster) async throws {
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("held", partitions: 2)
    try await cluster.publish(
      cluster.numbered(0..<50, topic: topic, partition: 0) + cluster.numbered(0..<50, topic: topic, partition: 1))
    let handler = RecordingHandler()
    let consumer = try cluster.consumer(topic, group: OpenCluster.uniqueName("group"), handler: handler)
    try consumer.start()
    try await handler.recorder.wait("the assignment") { $0.assigned.count == 2 }
    consumer.resume([KafkaTopicPartition(topic: topic, partition: 1)], under: handler.assignment)
    let first = try await handler.recorder.wait("one partition") { $0.messages.count >= 50 }
    #expect(first.messages.allSatisfy { $0.partition == 1 })
    consumer.resume([KafkaTopicPartition(topic: topic, partition: 0)], under: handler.assignment)
    let all = try await handler.recorder.wait("the other") { $0.messages.count >= 100 }
    #expect(all.messages.filter { $0.partition == 0 }.map(\.number) == Array(0..<50))
    #expect(all.messages.count == 100)
    #expect(await consumer.close(timeout: .seconds(10)))
  }

  /// Nothing is acknowledged until the bound is reached, then all at once, again and again.
  @Test(arguments: TestCluster.all)
  func backpressureBoundsWhatIsOutstandingAndLosesNothing(_ cluster: TestCluster) async throws {
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("backpressure", partitions: 2)
    let count = 4000
    try await cluster.publish(
      (0..<count).map { KafkaRecord(topic: topic, partition: Int32($0 % 2), value: Array("\($0)".utf8)) })
    let handler = RecordingHandler()
    let consumer = try cluster.consumer(
      topic, group: OpenCluster.uniqueName("group"), handler: handler, maxOutstanding: 300)
    try consumer.start()
    try await handler.recorder.wait("the assignment") { $0.assigned.count == 2 }
    consumer.resume(handler.recorder.state.assigned.keys, under: handler.assignment)
    var acknowledged = 0
    var round = 0
    var pauses = 0
    while acknowledged < count {
      let target = min(acknowledged + 300, count)
      let received = try await handler.recorder.wait("messages up to \(target)") { $0.messages.count >= target }
      #expect(received.messages.count == target, "the bound holds")
      round += 1
      if round % 3 == 0 {
        // The consumer gives up waiting and pauses.
        let sofar = pauses
        pauses = try await cluster.log.wait("a pause") { $0.filter { $0.contains("held back") }.count > sofar }
          .filter { $0.contains("held back") }.count
        #expect(handler.recorder.state.messages.count == target)
      }
      consumer.acknowledge(target - acknowledged)
      acknowledged = target
    }
    #expect(consumer.outstanding == 0)
    for partition in 0..<2 {
      let numbers = handler.recorder.state.messages.filter { Int($0.partition) == partition }.map(\.number)
      #expect(numbers == Array(stride(from: partition, to: count, by: 2)))
    }
    #expect(await consumer.close(timeout: .seconds(10)))
  }

  /// librdkafka by itself looks at a resumed partition only once a second.
  @Test(arguments: TestCluster.all)
  func aResumedPartitionFlowsAtOnce(_ cluster: TestCluster) async throws {
    let cluster = try cluster.open()
    let topic = try await cluster.createTopic("resumed", partitions: 1)
    let place = KafkaTopicPartition(topic: topic, partition: 0)
    let handler = RecordingHandler()
    let consumer = try cluster.consumer(topic, group: OpenCluster.uniqueName("group"), handler: handler)
    try consumer.start()
    try await handler.recorder.wait("the assignment") { $0.assigned.count == 1 }
    var waits: [Duration] = []
    for number in 0..<9 {
      try await cluster.publish(cluster.numbered(number..<number + 1, topic: topic))
      let start = ContinuousClock.now
      consumer.resume([place], under: handler.assignment)
      try await handler.recorder.wait("message \(number)") { $0.messages.count == number + 1 }
      waits.append(.now - start)
      consumer.pause([place], under: handler.assignment)
    }
    #expect(handler.recorder.state.messages.map(\.number) == Array(0..<9))
    #expect(waits.sorted()[4] < .milliseconds(600), "\(waits)")
    #expect(await consumer.close(timeout: .seconds(10)))
  }
}
