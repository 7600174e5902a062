import CRdkafka
import Logging
import Synchronization

/// The thread of a consumer: polls, hands over, answers rebalances.
///
/// `@unchecked`: `requests`, the atomics and the constants may be used by every thread. All other fields belong to the
/// polling thread, which alone runs `run` and, from within librdkafka's polls, the callbacks.
final class ConsumerLoop: @unchecked Sendable {
  static let largestBatch = 512
  static let longestPoll: Duration = .milliseconds(500)
  static let longestWaitForRoom: Duration = .milliseconds(100)

  let handler: any KafkaConsumerHandler
  let logger: Logger
  let maxOutstanding: Int
  let requests = Monitor(ConsumerRequests())
  let destroyed = Completion()
  private let unacknowledged = Atomic<Int>(0)
  private let wantsRoom = Atomic<Bool>(false)
  private let positions = Mutex<Set<KafkaTopicPartition>>([])

  // The polling thread's own.
  var holds = PartitionHolds()
  var batch: [KafkaMessage] = []
  var isBackpressured = false
  var isClosing = false
  var mustSubscribeAgain = false
  /// After a fatal error: nothing is handed over any more.
  var hasFailed = false
  private var topics: [String] = []
  private var decoder = MessageDecoder()

  init(handler: any KafkaConsumerHandler, maxOutstanding: Int, logger: Logger) {
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

  // MARK: From any thread

  var hasStarted: Bool { requests.withLock { $0.hasStarted } }

  var outstanding: Int { unacknowledged.load(ordering: .relaxed) }

  func handle(for operation: String) throws -> ClientHandle {
    guard let handle = requests.withLock({ $0.handle }) else { throw KafkaError.closed(operation) }
    return handle
  }

  func request(_ change: (inout ConsumerRequests) -> Void) {
    let handle = requests.update { requests in
      change(&requests)
      return requests.handle
    }
    if let handle { Self.wakePoll(of: handle) }
  }

  func stop(within timeout: Duration) {
    request { requests in
      if requests.stopDeadline == nil { requests.stopDeadline = .now + timeout }
    }
  }

  func acknowledge(_ count: Int) {
    let left = unacknowledged.subtract(count, ordering: .acquiringAndReleasing).newValue
    precondition(left >= 0, "more messages were acknowledged than handed over")
    if left <= maxOutstanding / 2, wantsRoom.load(ordering: .acquiring) { request { _ in } }
  }

  private static func wakePoll(of handle: ClientHandle) {
    guard let queue = rd_kafka_queue_get_consumer(handle.pointer) else { return }
    rd_kafka_queue_yield(queue)
    rd_kafka_queue_destroy(queue)
  }

  func lag() -> [KafkaTopicPartition: Int64] {
    guard let handle = requests.withLock({ $0.handle }) else { return [:] }
    let list = TopicPartitions(positions.withLock { $0 })
    guard rd_kafka_position(handle.pointer, list.pointer) == RD_KAFKA_RESP_ERR_NO_ERROR else { return [:] }
    var lag: [KafkaTopicPartition: Int64] = [:]
    for index in 0..<list.count {
      let partition = list.partition(at: index)
      var low: Int64 = 0
      var high: Int64 = 0
      let code = rd_kafka_get_watermark_offsets(handle.pointer, partition.topic, partition.partition, &low, &high)
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR, high >= 0 else { continue }
      let position = list.offset(at: index) >= 0 ? list.offset(at: index) : startOffsets.withLock { $0[partition] ?? 0 }
      lag[partition] = max(0, high - max(position, low))
    }
    return lag
  }

  private let startOffsets = Mutex<[KafkaTopicPartition: Int64]>([:])

  func setPositions(_ starts: [KafkaTopicPartition: Int64]) {
    positions.withLock { $0 = Set(starts.keys) }
    startOffsets.withLock { $0 = starts }
  }

  // MARK: The polling thread

  private func run(_ handle: ClientHandle) {
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
      case .pause(let partitions): pause(holds.hold(partitions, for: .owner), handle.pointer)
      case .resume(let partitions): resume(holds.release(partitions, from: .owner), handle.pointer)
      }
    }
    return mayGoOn
  }

  /// Waits a moment for acknowledgements when too much is outstanding, then pauses everything until half of it is
  /// acknowledged. False where the requests have to be looked at first.
  private func makeRoom(_ handle: ClientHandle) -> Bool {
    if isBackpressured {
      guard outstanding <= maxOutstanding / 2 else { return true }
      isBackpressured = false
      wantsRoom.store(false, ordering: .releasing)
      resume(holds.release(holds.partitions, from: .backpressure), handle.pointer)
      return true
    }
    guard outstanding >= maxOutstanding else { return true }
    wantsRoom.store(true, ordering: .sequentiallyConsistent)
    let hasRoom = requests.wait(upTo: Self.longestWaitForRoom) { requests -> Bool? in
      if unacknowledged.load(ordering: .sequentiallyConsistent) <= maxOutstanding / 2 { return true }
      return requests.changes.isEmpty && requests.stopDeadline == nil ? nil : false
    }
    guard hasRoom == nil else {
      if hasRoom == true { wantsRoom.store(false, ordering: .releasing) }
      return false
    }
    isBackpressured = true
    logger.debug("Kafka consumer is held back", metadata: ["kafka.outstanding": "\(outstanding)"])
    pause(holds.hold(holds.partitions, for: .backpressure), handle.pointer)
    return true
  }

  /// One blocking poll, then whatever is there already.
  private func gather(_ handle: ClientHandle) {
    let room = isBackpressured ? Self.largestBatch : min(Self.largestBatch, maxOutstanding - outstanding)
    var timeout = Self.longestPoll.librdkafkaMilliseconds
    while batch.count < room, let message = rd_kafka_consumer_poll(handle.pointer, timeout) {
      defer { rd_kafka_message_destroy(message) }
      timeout = 0
      if hasFailed { continue }
      if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
        batch.append(decoder.decode(message))
      } else {
        report(message, handle)
      }
    }
  }

  private func deliver() {
    guard !batch.isEmpty else { return }
    let messages = batch
    batch = []
    batch.reserveCapacity(messages.count)
    unacknowledged.add(messages.count, ordering: .acquiringAndReleasing)
    handler.received(messages)
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
    batch = []
    handler.failed(error)
    loseEverything()
  }

  func loseEverything() {
    let remaining = holds.partitions
    holds.remove(remaining)
    setPositions([:])
    if !remaining.isEmpty { handler.lost(remaining) }
  }

  private func subscribeAgain(_ handle: ClientHandle) {
    mustSubscribeAgain = false
    rd_kafka_unsubscribe(handle.pointer)
    let subscription = TopicPartitions(topics: topics)
    let code = rd_kafka_subscribe(handle.pointer, subscription.pointer)
    if code != RD_KAFKA_RESP_ERR_NO_ERROR { handler.failed(KafkaError(code, operation: "subscribe")) }
  }

  /// Leaves the group within the time that is left, then lets the client go.
  private func close(_ handle: ClientHandle) {
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

  func pause(_ partitions: [KafkaTopicPartition], _ client: OpaquePointer) {
    guard !partitions.isEmpty else { return }
    let list = TopicPartitions(partitions)
    rd_kafka_pause_partitions(client, list.pointer)
  }

  private func resume(_ partitions: [KafkaTopicPartition], _ client: OpaquePointer) {
    guard !partitions.isEmpty else { return }
    let list = TopicPartitions(partitions)
    rd_kafka_resume_partitions(client, list.pointer)
  }
}
