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
    // A consumer's client never makes a topic by asking for it. By default it would take the last stable offset for a log's
    // end.
    handle = try ClientHandle(
      .reader, configuration, settings: .reader(.readUncommitted), callbacks: errors, logger: logger,
      destroyed: destroyed)
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

  /// Each topic as it is, in the order asked for. None is made by asking.
  public func describeTopics(
    _ names: [String], timeout: Duration = .seconds(30)
  ) throws -> [KafkaTopicDescription] {
    let deadline = ContinuousClock.now + timeout
    let handle = try client("metadata")
    return try explained {
      try names.map { name in
        try handle.describe(name, timeout: max(.zero, deadline - .now))
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

  /// The error with what the connection said last.
  nonisolated func explainedByLastError(_ error: KafkaError) -> KafkaError {
    var error = error
    error.isRetriable = true
    return errors.explaining(error)
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

extension KafkaAdmin {
  /// Creates topics, each with an outcome of its own; `topicAlreadyExists` where there is one of that name.
  ///
  /// Returns when the broker also tells clients of them: a Kafka says that a topic is made a moment before that.
  public func createTopics(
    _ specifications: [KafkaTopicSpecification], timeout: Duration = .seconds(30)
  ) async throws -> [KafkaTopicOutcome] {
    let deadline = ContinuousClock.now + timeout
    let outcomes = try create(specifications, timeout: timeout)
    for outcome in outcomes where outcome.error == nil {
      // Who may make a topic need not be allowed to look at it: then nothing is waited for.
      while ContinuousClock.now < deadline,
        let found = try? describeTopics([outcome.name], timeout: deadline - .now).first, found.partitions == nil
      {
        try await Task.sleep(for: .milliseconds(20))
      }
    }
    return outcomes
  }

  private func create(
    _ specifications: [KafkaTopicSpecification], timeout: Duration
  ) throws -> [KafkaTopicOutcome] {
    var requests: [OpaquePointer?] = []
    defer { for request in requests { rd_kafka_NewTopic_destroy(request) } }
    for specification in specifications {
      requests.append(try Self.newTopic(specification))
    }
    return try perform(RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout: timeout) { client, options, queue in
      rd_kafka_CreateTopics(client, &requests, requests.count, options, queue)
    } read: { event in
      var count = 0
      let topics = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
      return Self.outcomes(topics, count, "create_topics")
    }
  }

  /// Deletes topics, each with an outcome of its own.
  public func deleteTopics(_ names: [String], timeout: Duration = .seconds(30)) throws -> [KafkaTopicOutcome] {
    var requests = names.map { rd_kafka_DeleteTopic_new($0) }
    defer { for request in requests { rd_kafka_DeleteTopic_destroy(request) } }
    return try perform(RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout: timeout) { client, options, queue in
      rd_kafka_DeleteTopics(client, &requests, requests.count, options, queue)
    } read: { event in
      var count = 0
      let topics = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count)
      return Self.outcomes(topics, count, "delete_topics")
    }
  }

  /// A topic's configuration, the defaults that apply to it included; values that the broker hides are left out.
  public func topicConfiguration(_ name: String, timeout: Duration = .seconds(30)) throws -> [String: String] {
    var resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name)
    defer { rd_kafka_ConfigResource_destroy(resource) }
    return try perform(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout: timeout) { client, options, queue in
      rd_kafka_DescribeConfigs(client, &resource, 1, options, queue)
    } read: { event in
      var count = 0
      let result = rd_kafka_event_DescribeConfigs_result(event)
      guard let resources = rd_kafka_DescribeConfigs_result_resources(result, &count), count > 0 else { return [:] }
      let code = rd_kafka_ConfigResource_error(resources[0])
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
        let text = rd_kafka_ConfigResource_error_string(resources[0]).map { String(cString: $0) }
        throw KafkaError(code, operation: "describe_configs \(name)", message: text)
      }
      return Self.entries(resources[0])
    }
  }

  /// A consumer group as its coordinator knows it; without members where there is no such group.
  ///
  /// By the older call that asks every broker: the newer one for single groups can fail an assertion of librdkafka 2.0.2
  /// where the coordinator does not answer it.
  public func describeGroup(_ group: String, timeout: Duration = .seconds(5)) throws -> KafkaGroupDescription {
    let handle = try client("list_groups")
    return try explained {
      var list: UnsafePointer<rd_kafka_group_list>?
      let code = rd_kafka_list_groups(handle.pointer, group, &list, timeout.librdkafkaMilliseconds)
      defer { if let list { rd_kafka_group_list_destroy(list) } }
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let list else {
        throw KafkaError(code, operation: "list_groups \(group)")
      }
      let groups = UnsafeBufferPointer(start: list.pointee.groups, count: Int(list.pointee.group_cnt))
      guard let found = groups.first(where: { $0.group.map { String(cString: $0) } == group }) else {
        return KafkaGroupDescription(state: "Dead", members: 0)
      }
      guard found.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
        throw KafkaError(found.err, operation: "list_groups \(group)")
      }
      let members = UnsafeBufferPointer(start: found.members, count: Int(found.member_cnt)).map { member in
        KafkaGroupDescription.Member(
          clientID: member.client_id.map { String(cString: $0) } ?? "",
          host: member.client_host.map { String(cString: $0) } ?? "",
          partitions: GroupAssignment.partitions(
            UnsafeRawBufferPointer(start: member.member_assignment, count: Int(member.member_assignment_size))))
      }
      return KafkaGroupDescription(
        state: found.state.map { String(cString: $0) } ?? "Unknown", memberList: members, members: members.count)
    }
  }

  private static func newTopic(_ specification: KafkaTopicSpecification) throws -> OpaquePointer? {
    var text = [CChar](repeating: 0, count: 512)
    let topic = rd_kafka_NewTopic_new(
      specification.name, Int32(clamping: specification.partitions), Int32(clamping: specification.replicationFactor),
      &text, text.count)
    guard let topic else {
      throw KafkaError(
        code: .invalidArgument, message: String(nulTerminated: text), operation: "create_topics \(specification.name)")
    }
    for (name, value) in specification.configuration { rd_kafka_NewTopic_set_config(topic, name, value) }
    return topic
  }

  private static func outcomes(
    _ topics: UnsafeMutablePointer<OpaquePointer?>?, _ count: Int, _ operation: String
  ) -> [KafkaTopicOutcome] {
    UnsafeBufferPointer(start: topics, count: count).compactMap { topic in
      guard let topic, let name = rd_kafka_topic_result_name(topic).map({ String(cString: $0) }) else { return nil }
      let code = rd_kafka_topic_result_error(topic)
      guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return KafkaTopicOutcome(name: name) }
      let text = rd_kafka_topic_result_error_string(topic).map { String(cString: $0) }
      return KafkaTopicOutcome(
        name: name, error: KafkaError(code, operation: "\(operation) \(name)", message: text))
    }
  }

  private static func entries(_ resource: OpaquePointer?) -> [String: String] {
    var count = 0
    let list = rd_kafka_ConfigResource_configs(resource, &count)
    var entries: [String: String] = [:]
    for entry in UnsafeBufferPointer(start: list, count: count) {
      guard let name = rd_kafka_ConfigEntry_name(entry), let value = rd_kafka_ConfigEntry_value(entry) else { continue }
      entries[String(cString: name)] = String(cString: value)
    }
    return entries
  }

  /// Sends one request and waits for its event.
  private func perform<R>(
    _ operation: rd_kafka_admin_op_t, timeout: Duration,
    send: (_ client: OpaquePointer, _ options: OpaquePointer?, _ queue: OpaquePointer?) -> Void,
    read: (_ event: OpaquePointer) throws -> R
  ) throws -> R {
    let handle = try client("admin")
    let options = rd_kafka_AdminOptions_new(handle.pointer, operation)
    defer { rd_kafka_AdminOptions_destroy(options) }
    let milliseconds = timeout.librdkafkaMilliseconds
    rd_kafka_AdminOptions_set_request_timeout(options, milliseconds, nil, 0)
    if operation == RD_KAFKA_ADMIN_OP_CREATETOPICS || operation == RD_KAFKA_ADMIN_OP_DELETETOPICS {
      rd_kafka_AdminOptions_set_operation_timeout(options, milliseconds, nil, 0)
    }
    let queue = rd_kafka_queue_new(handle.pointer)
    defer { rd_kafka_queue_destroy(queue) }
    send(handle.pointer, options, queue)
    return try explained {
      guard let event = rd_kafka_queue_poll(queue, (timeout + .seconds(1)).librdkafkaMilliseconds) else {
        throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, operation: "admin")
      }
      defer { rd_kafka_event_destroy(event) }
      let code = rd_kafka_event_error(event)
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
        throw KafkaError(
          code, operation: "admin", message: rd_kafka_event_error_string(event).map { String(cString: $0) })
      }
      return try read(event)
    }
  }
}

/// What a member of a group was given, in the bytes in which members tell each other: the consumer protocol's assignment,
/// version 0 and later (a version, then topics with their partitions, all in network order).
enum GroupAssignment {
  /// The partitions; those that could be read where the bytes end early or make no sense.
  static func partitions(_ bytes: UnsafeRawBufferPointer) -> [KafkaTopicPartition] {
    var reader = Reader(bytes: bytes)
    guard reader.integer(Int16.self) != nil, let topics = reader.integer(Int32.self), topics > 0 else { return [] }
    var found: [KafkaTopicPartition] = []
    for _ in 0..<topics {
      guard let topic = reader.string(), let count = reader.integer(Int32.self), count >= 0 else { return found }
      for _ in 0..<count {
        guard let partition = reader.integer(Int32.self) else { return found }
        found.append(KafkaTopicPartition(topic: topic, partition: partition))
      }
    }
    return found
  }

  private struct Reader {
    let bytes: UnsafeRawBufferPointer
    private var place = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type) -> Value? {
      let size = MemoryLayout<Value>.size
      guard bytes.count - place >= size else { return nil }
      defer { place += size }
      return Value(bigEndian: bytes.loadUnaligned(fromByteOffset: place, as: Value.self))
    }

    mutating func string() -> String? {
      guard let length = integer(Int16.self), length >= 0, bytes.count - place >= Int(length) else { return nil }
      defer { place += Int(length) }
      return String(decoding: bytes[place..<place + Int(length)], as: UTF8.self)
    }
  }
}
