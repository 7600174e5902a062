import CRdkafka

/// What the polling thread does from its start to its end.
extension ConsumerLoop {
  func run(_ handle: ClientHandle) {
    while applyRequests(handle) {
      if mustSubscribeAgain { subscribeAgain(handle) }
      guard makeRoom(handle) else { continue }
      gather(handle)
      deliver()
    }
  }

  /// Pauses and resumes as asked for; false when it is time to close.
  private func applyRequests(_ handle: ClientHandle) -> Bool {
    let (changes, mayGoOn) = requests.withLock { requests in
      defer { requests.changes = [] }
      return (requests.changes, requests.stopDeadline == nil)
    }
    for change in changes {
      switch change {
      case .pause(let partitions, let named) where named == assignment:
        pause(holds.hold(partitions, for: .owner), handle.pointer)
      case .resume(let partitions, let named) where named == assignment:
        resume(holds.release(partitions, from: .owner), handle.pointer)
      case .pause, .resume:
        break  // Asked for under an assignment that has ended.
      }
    }
    return mayGoOn
  }

  /// One blocking poll, then whatever is there already.
  private func gather(_ handle: ClientHandle) {
    var room = isBackpressured ? Self.largestBatch : min(Self.largestBatch, maxOutstanding - outstanding)
    room -= batch.reduce(0) { $0 + $1.room }
    var timeout = Self.longestPoll.librdkafkaMilliseconds
    while room > 0, let message = rd_kafka_consumer_poll(handle.pointer, timeout) {
      defer { rd_kafka_message_destroy(message) }
      timeout = 0
      if hasFailed { continue }
      if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
        let decoded = decoder.decode(message)
        room -= decoded.room
        batch.append(decoded)
      } else {
        report(message, handle)
      }
    }
  }

  private func deliver() {
    guard !batch.isEmpty, let assignment else { return }
    let messages = batch
    batch = []
    batch.reserveCapacity(messages.count)
    unacknowledged.add(messages.reduce(0) { $0 + $1.room }, ordering: .acquiringAndReleasing)
    handler.received(messages, under: assignment)
  }

  private func report(_ message: UnsafeMutablePointer<rd_kafka_message_t>, _ handle: ClientHandle) {
    let code = message.pointee.err
    if code == RD_KAFKA_RESP_ERR__PARTITION_EOF { return }
    if let fatal = handle.fatalError("consume") {
      fail(fatal)
      return
    }
    let text = rd_kafka_message_errstr(message).map { String(cString: $0) }
    let topic = decoder.name(of: message.pointee.rkt)
    handler.failed(KafkaError(code, operation: topic.isEmpty ? "consume" : "consume \(topic)", message: text))
  }

  /// The member is out of its group for good, and with it goes what it was assigned.
  func fail(_ error: KafkaError) {
    guard !hasFailed else { return }
    hasFailed = true
    handler.failed(error)
    loseEverything()
  }

  func loseEverything() {
    batch = []
    let (partitions, ended) = (holds.partitions, assignment)
    endAssignment()
    if let ended, !partitions.isEmpty { handler.lost(partitions, under: ended) }
  }

  private func subscribeAgain(_ handle: ClientHandle) {
    mustSubscribeAgain = false
    rd_kafka_unsubscribe(handle.pointer)
    let subscription = TopicPartitions(topics: topics)
    let code = rd_kafka_subscribe(handle.pointer, subscription.pointer)
    if code != RD_KAFKA_RESP_ERR_NO_ERROR { handler.failed(KafkaError(code, operation: "subscribe")) }
  }

  /// Leaves the group within the time that is left, then lets the client go.
  func close(_ handle: ClientHandle) {
    isClosing = true
    let deadline = requests.withLock { $0.stopDeadline } ?? .now
    let queue = rd_kafka_queue_new(handle.pointer)
    defer { if let queue { rd_kafka_queue_destroy(queue) } }
    if let error = rd_kafka_consumer_close_queue(handle.pointer, queue) {
      logger.debug(
        "Kafka consumer left without its group's consent",
        metadata: ["kafka.error": "\(KafkaError(consuming: error, operation: "close"))"])
    } else {
      while rd_kafka_consumer_closed(handle.pointer) == 0, ContinuousClock.now < deadline {
        let slice = min(.milliseconds(100), deadline - .now).librdkafkaMilliseconds
        if let message = rd_kafka_consumer_poll(handle.pointer, slice) { rd_kafka_message_destroy(message) }
      }
    }
    requests.update { $0.handle = nil }
    loseEverything()
  }
}
