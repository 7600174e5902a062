import CRdkafka

/// Called by librdkafka from within a poll, so on the polling thread.
extension ConsumerLoop: ClientCallbacks {
  private static let longestOffsetFetch: Duration = .seconds(60)
  private static let longestWaitForCommits: Duration = .seconds(10)

  func clientFailed(_ error: KafkaError) {
    if isClosing || hasFailed { return }
    if error.isFatal { fail(error) } else { handler.failed(error) }
  }

  func rebalance(_ client: OpaquePointer, _ event: rd_kafka_resp_err_t, _ partitions: borrowing TopicPartitions) {
    switch event {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS where !isClosing && !hasFailed:
      assign(partitions.partitions, client)
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
      revoke(client)
      rd_kafka_assign(client, nil)
    default:
      revoke(client)
      rd_kafka_assign(client, nil)
      if !isClosing, !hasFailed, event != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
        handler.failed(KafkaError(event, operation: "rebalance"))
      }
    }
  }

  /// The committed offsets are fetched here rather than by librdkafka, so that the owner learns the very offsets that
  /// reading starts at, and so that an offset that the log does not hold never rewinds it. All partitions are paused
  /// before the first message can be polled.
  private func assign(_ partitions: [KafkaTopicPartition], _ client: OpaquePointer) {
    let starts: [KafkaTopicPartition: StartOffset]
    do {
      guard let found = try startOffsets(of: partitions, client) else {
        mustSubscribeAgain = rd_kafka_assignment_lost(client) == 0
        rd_kafka_assign(client, nil)
        return
      }
      starts = found
    } catch {
      rd_kafka_assign(client, nil)
      return fail(error)
    }
    let offsets = starts.mapValues(\.first)
    let list = TopicPartitions(offsets)
    let code = rd_kafka_assign(client, list.pointer)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      rd_kafka_assign(client, nil)
      mustSubscribeAgain = true
      handler.failed(KafkaError(code, operation: "assign"))
      return
    }
    holds.assign(partitions, backpressure: isBackpressured)
    pause(partitions, client)
    setPositions(offsets)
    let assignment = requests.withLock { $0.assignments.begin() }
    self.assignment = assignment
    handler.assigned(
      partitions.map { partition in
        let start = starts[partition]
        return KafkaAssignment(
          partition: partition, startOffset: start?.isCommitted == true ? start?.first : nil, logEnd: start?.logEnd)
      }, under: assignment)
  }

  /// Eager assignors take everything back at once. What was gathered and not delivered is left to the next owners.
  private func revoke(_ client: OpaquePointer) {
    batch = []
    if let assignment, !holds.isEmpty {
      let partitions = holds.partitions
      if rd_kafka_assignment_lost(client) != 0 {
        handler.lost(partitions, under: assignment)
      } else {
        handler.revoked(partitions, under: assignment)
      }
    }
    endAssignment()
  }

  /// Runs before the member can join the group's next generation, which it does once the callback has returned, so that
  /// nothing that names this assignment reaches the broker in the name of a later generation.
  func endAssignment() {
    requests.withLock { $0.assignments.end() }
    let timeLeft = requests.withLock { $0.stopDeadline }.map { max(.zero, $0 - .now) } ?? Self.longestWaitForCommits
    let areDone: Bool? = requests.wait(upTo: min(Self.longestWaitForCommits, timeLeft)) { requests in
      requests.assignments.commitsInProgress == 0 ? true : nil
    }
    if areDone == nil { logger.warning("Kafka consumer gives up partitions while offsets are being committed") }
    assignment = nil
    holds = PartitionHolds()
    setPositions([:])
  }
}

// MARK: - Where reading starts

extension ConsumerLoop {
  private struct StartOffset {
    /// The first offset to be read.
    var first: Int64
    /// Whether the group had committed an offset.
    var isCommitted: Bool
    /// The log's end.
    var logEnd: Int64
  }

  /// Tries until the brokers answer.
  /// - Returns: `nil` where the assignment was lost, the consumer is told to stop, or the time is up.
  /// - Throws: `KafkaError` with `positionBeyondEnd`.
  private func startOffsets(
    of partitions: [KafkaTopicPartition], _ client: OpaquePointer
  ) throws(KafkaError) -> [KafkaTopicPartition: StartOffset]? {
    guard !partitions.isEmpty else { return [:] }
    let deadline = ContinuousClock.now + Self.longestOffsetFetch
    var pause: Duration = .milliseconds(5)
    while true {
      do {
        let committed = try committedOffsets(partitions, timeout: .seconds(2), of: client)
        let bounds = try logBounds(partitions, timeout: .seconds(2), of: client)
        return try start(at: committed, within: bounds)
      } catch {
        if error.code == .positionBeyondEnd { throw error }
        if error.code != .unstableOffsetCommit { handler.failed(error) }
        let isOver = requests.wait(upTo: pause) { $0.stopDeadline == nil ? nil : true } ?? false
        if isOver || rd_kafka_assignment_lost(client) != 0 || .now >= deadline { return nil }
        pause = min(pause * 2, .milliseconds(500))
      }
    }
  }

  private func start(
    at committed: [KafkaTopicPartition: Int64?], within bounds: [KafkaTopicPartition: KafkaWatermarks]
  ) throws(KafkaError) -> [KafkaTopicPartition: StartOffset] {
    var starts: [KafkaTopicPartition: StartOffset] = [:]
    for (partition, committed) in committed {
      guard let bounds = bounds[partition] else { continue }
      guard let committed else {
        starts[partition] = StartOffset(first: bounds.low, isCommitted: false, logEnd: bounds.high)
        continue
      }
      let first = try offset(committed, of: partition, within: bounds)
      starts[partition] = StartOffset(first: first, isCommitted: true, logEnd: bounds.high)
    }
    return starts
  }

  /// The offset at which reading goes on: the given one where the log holds it, the log's start where records before it
  /// were deleted.
  /// - Throws: `KafkaError` with `positionBeyondEnd` where the offset lies behind the log's end: the log is not the one
  ///   that it was committed for, and what it holds now may have been read before.
  private func offset(
    _ offset: Int64, of partition: KafkaTopicPartition, within bounds: KafkaWatermarks
  ) throws(KafkaError) -> Int64 {
    if offset < bounds.low {
      logger.warning(
        "Kafka records were deleted before they were read",
        metadata: ["kafka.partition": "\(partition)", "kafka.from": "\(offset)", "kafka.to": "\(bounds.low)"])
      return bounds.low
    }
    guard offset > bounds.high else { return offset }
    // The bound is the last stable offset, which an open transaction holds back; an operator may have moved the group
    // past it. Only the high watermark decides.
    let end = try highWatermark(of: partition, timeout: .seconds(5))
    guard offset > end else { return offset }
    throw KafkaError(
      code: .positionBeyondEnd,
      message:
        "the position of the group, \(offset), lies beyond the end of the log, \(end): the topic was deleted and "
        + "created again, or it lost records. Nothing is read, for records could be processed a second time. Move the "
        + "group to the offset that is right (kafka-consumer-groups.sh --reset-offsets), or use a new group",
      operation: "consume \(partition)", isFatal: true)
  }
}

/// The group's committed offsets, stable ones only; blocks.
func committedOffsets(
  _ partitions: [KafkaTopicPartition], timeout: Duration, of client: OpaquePointer
) throws(KafkaError) -> [KafkaTopicPartition: Int64?] {
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
