import CRdkafka

/// Called by librdkafka from within a poll, so on the polling thread.
extension ConsumerLoop: ClientCallbacks {
  static let longestOffsetFetch: Duration = .seconds(60)
  static let longestWaitForCommits: Duration = .seconds(10)

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
  /// reading starts at. All partitions are paused before the first message can be polled.
  private func assign(_ partitions: [KafkaTopicPartition], _ client: OpaquePointer) {
    guard let committed = committedOffsets(of: partitions, client) else {
      mustSubscribeAgain = rd_kafka_assignment_lost(client) == 0
      rd_kafka_assign(client, nil)
      return
    }
    // Without a committed offset: zero, not "beginning", which librdkafka would look up and, paused meanwhile, retry
    // only after 500 ms. Where the log starts later, auto.offset.reset leads to its start.
    let starts = Dictionary(uniqueKeysWithValues: partitions.map { ($0, (committed[$0] ?? nil) ?? 0) })
    let list = TopicPartitions(starts)
    let code = rd_kafka_assign(client, list.pointer)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      rd_kafka_assign(client, nil)
      mustSubscribeAgain = true
      handler.failed(KafkaError(code, operation: "assign"))
      return
    }
    holds.assign(partitions, backpressure: isBackpressured)
    pause(partitions, client)
    setPositions(starts)
    let assignment = requests.withLock { $0.assignments.begin() }
    self.assignment = assignment
    handler.assigned(
      partitions.map { KafkaAssignment(partition: $0, startOffset: committed[$0] ?? nil) }, under: assignment)
  }

  /// Tries until the group's coordinator answers, the assignment is lost, or the time is up (`nil`).
  private func committedOffsets(
    of partitions: [KafkaTopicPartition], _ client: OpaquePointer
  ) -> [KafkaTopicPartition: Int64?]? {
    guard !partitions.isEmpty else { return [:] }
    let deadline = ContinuousClock.now + Self.longestOffsetFetch
    var pause: Duration = .milliseconds(5)
    while true {
      do {
        return try GroupOffsets.committed(partitions, timeout: .seconds(2), of: client)
      } catch {
        if let error = error as? KafkaError, error.code != .unstableOffsetCommit { handler.failed(error) }
        let isOver = requests.wait(upTo: pause) { $0.stopDeadline == nil ? nil : true } ?? false
        if isOver || rd_kafka_assignment_lost(client) != 0 || .now >= deadline { return nil }
        pause = min(pause * 2, .milliseconds(500))
      }
    }
  }

  /// Eager assignors take everything back at once. What was gathered and not handed over is left to the next owners.
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
