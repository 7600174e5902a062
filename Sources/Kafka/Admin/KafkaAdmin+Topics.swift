import CRdkafka

extension KafkaAdmin {
  /// Creates topics, each with an outcome of its own; `topicAlreadyExists` where there is one of that name.
  public func createTopics(
    _ specifications: [KafkaTopicSpecification], timeout: Duration = .seconds(30)
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
    if operation != RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS {
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
