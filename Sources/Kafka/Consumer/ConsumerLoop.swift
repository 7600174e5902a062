import CRdkafka
import Logging
import Synchronization

/// The polling thread of a consumer: it polls, delivers messages to the handler, and answers rebalances.
///
/// `@unchecked`: `requests`, the atomics, `positions` and the constants may be used by every thread. All other fields
/// belong to the polling thread, which alone runs `run` and, from within librdkafka's polls, the callbacks.
final class ConsumerLoop: @unchecked Sendable {
  private static let largestBatch = 512
  /// So many messages in a row may have been more than librdkafka wants queued.
  private static let burst = 1000
  private static let longestPoll: Duration = .milliseconds(500)
  private static let longestWaitForCredit: Duration = .milliseconds(100)

  let handler: any KafkaConsumerHandler
  let logger: Logger
  let requests = Monitor(ConsumerRequests())
  let destroyed = Completion()
  private let configuration: KafkaClientConfiguration
  private let maxOutstanding: Int
  private let unacknowledged = Atomic<Int>(0)
  private let wantsCredit = Atomic<Bool>(false)
  /// For each assigned partition the offset that it was last started or resumed at.
  private let positions = Mutex<[KafkaTopicPartition: Int64]>([:])

  // The polling thread's own.
  /// The present assignment; the one in `requests` is the same.
  var assignment: KafkaAssignmentID?
  var holds = PartitionHolds()
  var batch: [KafkaMessage] = []
  var isBackpressured = false
  var isClosing = false
  /// Set when an assignment could not be taken up, or can't be read on: only a new subscription brings another one.
  var mustSubscribeAgain = false
  /// After a fatal error nothing is delivered any more.
  var hasFailed = false
  private var topics: [String] = []
  private var decoder = MessageDecoder()
  /// Messages since librdkafka's queue was last found empty.
  private var takenInARow = 0

  init(
    configuration: KafkaClientConfiguration, handler: any KafkaConsumerHandler, maxOutstanding: Int, logger: Logger
  ) {
    self.configuration = configuration
    self.handler = handler
    self.maxOutstanding = maxOutstanding
    self.logger = logger
  }

  func start(_ handle: ClientHandle, topics: [String]) {
    requests.withLock { requests in
      precondition(!requests.hasStarted, "a consumer is started once")
      requests.hasStarted = true
      requests.handle = handle
    }
    self.topics = topics
    DedicatedThread.start(name: "kafka-consumer") { [self] in
      run(handle)
      close(handle)
    }
  }
}

// MARK: - For every thread

extension ConsumerLoop {
  var hasStarted: Bool { requests.withLock { $0.hasStarted } }

  var outstanding: Int { unacknowledged.load(ordering: .relaxed) }

  func handle(for operation: String) throws -> ClientHandle {
    guard let handle = requests.withLock({ $0.handle }) else { throw KafkaError.closed(operation) }
    return handle
  }

  /// Changes the requests and wakes the polling thread.
  func request(_ change: (inout ConsumerRequests) -> Void) {
    let handle = requests.update { requests in
      change(&requests)
      return requests.handle
    }
    guard let handle, let queue = rd_kafka_queue_get_consumer(handle.pointer) else { return }
    rd_kafka_queue_yield(queue)
    rd_kafka_queue_destroy(queue)
  }

  func stop(within timeout: Duration) {
    request { requests in
      if requests.stopDeadline == nil { requests.stopDeadline = .now + timeout }
    }
  }

  func acknowledge(_ credit: Int) {
    let left = unacknowledged.subtract(credit, ordering: .sequentiallyConsistent).newValue
    precondition(left >= 0, "more was acknowledged than delivered")
    if left <= maxOutstanding / 2, wantsCredit.load(ordering: .sequentiallyConsistent) { request { _ in } }
  }

  func lag() -> [KafkaTopicPartition: Int64] {
    guard let handle = requests.withLock({ $0.handle }) else { return [:] }
    let starts = positions.withLock { $0 }
    let list = TopicPartitions(starts.keys)
    guard rd_kafka_position(handle.pointer, list.pointer) == RD_KAFKA_RESP_ERR_NO_ERROR else { return [:] }
    var lag: [KafkaTopicPartition: Int64] = [:]
    for index in 0..<list.count {
      let partition = list.partition(at: index)
      var low: Int64 = 0
      var high: Int64 = 0
      let code = rd_kafka_get_watermark_offsets(handle.pointer, partition.topic, partition.partition, &low, &high)
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR, high >= 0 else { continue }
      let position = list.offset(at: index) >= 0 ? list.offset(at: index) : starts[partition] ?? 0
      lag[partition] = max(0, high - max(position, low))
    }
    return lag
  }

  func setPositions(_ starts: [KafkaTopicPartition: Int64]) {
    positions.withLock { $0 = starts }
  }
}

// MARK: - Polling

extension ConsumerLoop {
  private func run(_ handle: ClientHandle) {
    while applyRequests(handle) {
      if mustSubscribeAgain { subscribeAgain(handle) }
      guard applyBackpressure(handle) else { continue }
      gather(handle)
      deliver()
    }
  }

  /// Pauses and resumes as asked for.
  /// - Returns: false when it is time to close.
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

  /// One blocking poll, then whatever is queued already.
  private func gather(_ handle: ClientHandle) {
    var credit = isBackpressured ? Self.largestBatch : min(Self.largestBatch, maxOutstanding - outstanding)
    credit -= batch.reduce(0) { $0 + $1.credit }
    var timeout = Self.longestPoll.librdkafkaMilliseconds
    while credit > 0, let message = rd_kafka_consumer_poll(handle.pointer, timeout) {
      defer { rd_kafka_message_destroy(message) }
      timeout = 0
      if hasFailed { continue }
      if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
        let decoded = decoder.decode(message)
        credit -= decoded.credit
        takenInARow += 1
        batch.append(decoded)
      } else {
        report(message, handle)
      }
    }
    guard credit > 0 else { return }
    // The queue is empty. If it was too full before, librdkafka may not look for more for up to a second.
    if takenInARow >= Self.burst, KafkaLibrary.promptFetching.isEmpty {
      KafkaLibrary.wakeFetcher(of: holds.partitions, handle.pointer)
    }
    takenInARow = 0
  }

  private func deliver() {
    guard !batch.isEmpty, let assignment else { return }
    let messages = batch
    batch = []
    batch.reserveCapacity(messages.count)
    unacknowledged.add(messages.reduce(0) { $0 + $1.credit }, ordering: .acquiringAndReleasing)
    handler.received(messages, under: assignment)
  }

  private func report(_ message: UnsafeMutablePointer<rd_kafka_message_t>, _ handle: ClientHandle) {
    let code = message.pointee.err
    if code == RD_KAFKA_RESP_ERR__PARTITION_EOF { return }
    if let fatal = handle.fatalError("consume") {
      fail(fatal)
      return
    }
    let topic = decoder.name(of: message.pointee.rkt)
    if code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET {
      // librdkafka has stopped reading. With the next assignment the committed offset is held against the log.
      mustSubscribeAgain = true
      handler.failed(
        KafkaError(
          code: .offsetOutOfRange, message: "the log does not hold the next offset; the member joins its group again",
          operation: "consume \(topic)/\(message.pointee.partition)", isRetriable: true))
      return
    }
    let text = rd_kafka_message_errstr(message).map { String(cString: $0) }
    handler.failed(KafkaError(code, operation: topic.isEmpty ? "consume" : "consume \(topic)", message: text))
  }

  /// The member can't go on, and with it goes what it was assigned.
  func fail(_ error: KafkaError) {
    guard !hasFailed else { return }
    hasFailed = true
    handler.failed(error)
    loseEverything()
  }

  private func loseEverything() {
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

  /// Leaves the group within the time that is left, then releases the client.
  private func close(_ handle: ClientHandle) {
    isClosing = true
    let deadline = requests.withLock { $0.stopDeadline } ?? .now
    let queue = rd_kafka_queue_new(handle.pointer)
    defer { if let queue { rd_kafka_queue_destroy(queue) } }
    if let error = rd_kafka_consumer_close_queue(handle.pointer, queue) {
      logger.debug(
        "Kafka consumer could not leave its group",
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

// MARK: - Pausing and resuming

/// On the polling thread only: a pause from another thread could cross a message on its way out of librdkafka's queue,
/// which would then be read again.
extension ConsumerLoop {
  /// Waits a moment for acknowledgements when too much is outstanding, then pauses everything until half of it is
  /// acknowledged.
  /// - Returns: false where the requests have to be looked at before the next poll.
  private func applyBackpressure(_ handle: ClientHandle) -> Bool {
    if isBackpressured {
      guard outstanding <= maxOutstanding / 2 else { return true }
      isBackpressured = false
      wantsCredit.store(false, ordering: .releasing)
      resume(holds.release(holds.partitions, from: .backpressure), handle.pointer)
      return true
    }
    guard outstanding >= maxOutstanding else { return true }
    wantsCredit.store(true, ordering: .sequentiallyConsistent)
    let hasCredit = requests.wait(upTo: Self.longestWaitForCredit) { requests -> Bool? in
      if unacknowledged.load(ordering: .sequentiallyConsistent) <= maxOutstanding / 2 { return true }
      return requests.changes.isEmpty && requests.stopDeadline == nil ? nil : false
    }
    guard hasCredit == nil else {
      if hasCredit == true { wantsCredit.store(false, ordering: .releasing) }
      return false
    }
    isBackpressured = true
    logger.debug("Kafka consumer is held back", metadata: ["kafka.outstanding": "\(outstanding)"])
    pause(holds.hold(holds.partitions, for: .backpressure), handle.pointer)
    return true
  }

  func pause(_ partitions: [KafkaTopicPartition], _ client: OpaquePointer) {
    guard !partitions.isEmpty else { return }
    let list = TopicPartitions(partitions)
    rd_kafka_pause_partitions(client, list.pointer)
  }

  /// Resuming alone does not wake the thread that fetches, which may then sleep for another second; seeking does. So
  /// each partition is sought to its present position. Nothing of it is queued, and nothing can be meanwhile.
  ///
  /// From librdkafka 2.1 on seeking wakes it no more; what does is an answer on its connection. So the seeks are waited
  /// for, which takes no more than a change of threads, then the leaders are asked for the logs' ends.
  private func resume(_ partitions: [KafkaTopicPartition], _ client: OpaquePointer) {
    guard !partitions.isEmpty else { return }
    let consumed = TopicPartitions(partitions)
    rd_kafka_position(client, consumed.pointer)
    // A list of its own: with the leaders' epochs, which are in the other, seeking would ask the brokers first.
    let list = TopicPartitions(partitions)
    positions.withLock { positions in
      for (index, partition) in partitions.enumerated() {
        // Without a position since the last seek, nothing was consumed since.
        let position = consumed.offset(at: index) >= 0 ? consumed.offset(at: index) : positions[partition] ?? 0
        positions[partition] = position
        list.setOffset(position, at: index)
      }
    }
    rd_kafka_resume_partitions(client, list.pointer)
    if let error = rd_kafka_seek_partitions(client, list.pointer, KafkaLibrary.seekWakesFetcher ? 0 : 1000) {
      rd_kafka_error_destroy(error)
    }
    if !KafkaLibrary.seekWakesFetcher { KafkaLibrary.wakeFetcher(of: partitions, client) }
  }
}

extension ConsumerLoop {
  /// The end of a partition's log, whatever transactions are open on it; blocks.
  func highWatermark(of partition: KafkaTopicPartition, timeout: Duration) throws(KafkaError) -> Int64 {
    let handle = try ClientHandle(
      .reader, configuration, settings: .reader(.readUncommitted), callbacks: LastClientError(), logger: logger)
    return try handle.watermarks(of: partition, until: .now + timeout).high
  }
}
