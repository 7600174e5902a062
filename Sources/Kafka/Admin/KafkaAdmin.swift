import CRdkafka
import Logging

/// Looks at a cluster and administers its topics. Calls block on a thread of its own. Has to be closed when done with.
public actor KafkaAdmin {
  private nonisolated let executor = DedicatedThreadExecutor(name: "kafka-admin")
  private let errors = LastClientError()
  private let destroyed = Completion()
  private var handle: ClientHandle?

  /// Runs the actor on its own thread.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// A client for administration; it connects by itself.
  /// - Throws: `KafkaError` where the configuration is refused.
  public init(configuration: KafkaClientConfiguration, logger: Logger) throws {
    // A consumer's client never makes a topic by asking for it.
    handle = try ClientHandle(
      .reader, configuration, settings: ClientSettings(), callbacks: errors, logger: logger, destroyed: destroyed)
  }

  /// Lets the client go.
  @discardableResult
  public nonisolated func close(timeout: Duration) async -> Bool {
    let release = Task { await self.release() }
    let isDone = await destroyed.wait(upTo: timeout)
    if !isDone { release.cancel() }
    return isDone
  }

  private func release() { handle = nil }

  /// Whether the cluster can be reached with these credentials, and which brokers it has.
  /// - Throws: `KafkaError` whose cause is the connection's own error where one is known.
  public func describeCluster(timeout: Duration) throws -> KafkaClusterDescription {
    try withMetadata(allTopics: false, timeout: timeout) { client, metadata in
      let brokers = UnsafeBufferPointer(start: metadata.brokers, count: Int(metadata.broker_cnt)).map { broker in
        KafkaClusterDescription.Broker(id: broker.id, address: "\(String(cString: broker.host)):\(broker.port)")
      }
      let name = rd_kafka_clusterid(client, timeout.librdkafkaMilliseconds)
      defer { if let name { rd_kafka_mem_free(client, name) } }
      return KafkaClusterDescription(
        brokers: brokers.sorted { $0.id < $1.id }, clusterID: name.map { String(cString: $0) })
    }
  }

  /// The topics that these credentials may see, the cluster's own among them.
  public func listTopics(timeout: Duration = .seconds(30)) throws -> [KafkaTopicDescription] {
    try withMetadata(allTopics: true, timeout: timeout) { _, metadata in
      UnsafeBufferPointer(start: metadata.topics, count: Int(metadata.topic_cnt)).map { topic in
        KafkaTopicDescription(name: String(cString: topic.topic), partitions: Int(topic.partition_cnt))
      }.sorted { $0.name < $1.name }
    }
  }

  /// The number of partitions of each topic, in the order asked for.
  public func describeTopics(
    _ names: [String], timeout: Duration = .seconds(30)
  ) throws -> [KafkaTopicDescription] {
    let deadline = ContinuousClock.now + timeout
    let handle = try client("metadata")
    return try explained {
      try names.map { name in
        let count = try handle.partitionCount(of: name, timeout: max(.zero, deadline - .now))
        return KafkaTopicDescription(name: name, partitions: count)
      }
    }
  }

  /// The offsets between which each partition of a topic has records, those of open transactions included.
  public func watermarks(of topic: String, timeout: Duration = .seconds(30)) throws -> [Int32: KafkaWatermarks] {
    let deadline = ContinuousClock.now + timeout
    let handle = try client("watermarks")
    return try explained {
      guard let count = try handle.partitionCount(of: topic, timeout: timeout) else {
        throw KafkaError(code: .unknownTopic, message: "there is no topic \(topic)", operation: "watermarks")
      }
      var watermarks: [Int32: KafkaWatermarks] = [:]
      for partition in 0..<Int32(count) {
        let place = KafkaTopicPartition(topic: topic, partition: partition)
        watermarks[partition] = try handle.watermarks(of: place, until: deadline)
      }
      return watermarks
    }
  }

  func client(_ operation: String) throws -> ClientHandle {
    guard let handle else { throw KafkaError.closed(operation) }
    return handle
  }

  /// Adds what the connection said to an error that only says that nothing came back.
  func explained<R>(_ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch let error as KafkaError {
      throw errors.explaining(error)
    }
  }

  private func withMetadata<R>(
    allTopics: Bool, timeout: Duration, _ body: (OpaquePointer, rd_kafka_metadata) throws -> R
  ) throws -> R {
    let handle = try client("metadata")
    return try explained {
      var metadata: UnsafePointer<rd_kafka_metadata>?
      let code = rd_kafka_metadata(
        handle.pointer, allTopics ? 1 : 0, nil, &metadata, timeout.librdkafkaMilliseconds)
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { throw KafkaError(code, operation: "metadata") }
      defer { rd_kafka_metadata_destroy(metadata) }
      return try body(handle.pointer, metadata.pointee)
    }
  }
}
