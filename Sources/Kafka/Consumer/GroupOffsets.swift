import CRdkafka

/// Commits and reads a group's offsets on a thread of its own: the calls block, and the polling thread may itself be
/// waiting for one of them in the handler.
actor GroupOffsets {
  private nonisolated let executor = DedicatedThreadExecutor(name: "kafka-offsets")

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  func commit(
    _ offsets: [KafkaTopicPartition: Int64], through handle: ClientHandle, under assignment: KafkaAssignmentID,
    of loop: ConsumerLoop
  ) throws {
    try loop.requests.withLock { requests in
      try requests.assignments.check(assignment, for: "commit")
      requests.assignments.commitsInProgress += 1
    }
    defer { loop.requests.update { $0.assignments.commitsInProgress -= 1 } }
    let list = TopicPartitions(offsets)
    let code = rd_kafka_commit(handle.pointer, list.pointer, 0)
    if let failed = list.firstError {
      throw KafkaError(failed.code, operation: "commit \(failed.partition)")
    }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, operation: "commit") }
  }

  func committed(
    _ partitions: [KafkaTopicPartition], timeout: Duration, through handle: ClientHandle
  ) throws -> [KafkaTopicPartition: Int64?] {
    try Self.committed(partitions, timeout: timeout, of: handle.pointer)
  }

  /// The blocking call itself, for threads that may block.
  static func committed(
    _ partitions: [KafkaTopicPartition], timeout: Duration, of client: OpaquePointer
  ) throws -> [KafkaTopicPartition: Int64?] {
    let list = TopicPartitions(partitions)
    let code = rd_kafka_committed(client, list.pointer, timeout.librdkafkaMilliseconds)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, operation: "committed") }
    if let failed = list.firstError {
      throw KafkaError(failed.code, operation: "committed \(failed.partition)")
    }
    var offsets: [KafkaTopicPartition: Int64?] = [:]
    for index in 0..<list.count {
      let offset = list.offset(at: index)
      offsets.updateValue(offset >= 0 ? offset : nil, forKey: list.partition(at: index))
    }
    return offsets
  }
}
