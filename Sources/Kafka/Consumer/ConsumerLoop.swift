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
  let unacknowledged = Atomic<Int>(0)
  let wantsRoom = Atomic<Bool>(false)
  /// For each assigned partition the offset that it was last started or resumed at.
  let positions = Mutex<[KafkaTopicPartition: Int64]>([:])

  // The polling thread's own.
  /// The present assignment; the one in `requests` is the same.
  var assignment: KafkaAssignmentID?
  var holds = PartitionHolds()
  var batch: [KafkaMessage] = []
  var isBackpressured = false
  var isClosing = false
  var mustSubscribeAgain = false
  /// After a fatal error: nothing is handed over any more.
  var hasFailed = false
  var topics: [String] = []
  var decoder = MessageDecoder()

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

  func acknowledge(_ room: Int) {
    let left = unacknowledged.subtract(room, ordering: .sequentiallyConsistent).newValue
    precondition(left >= 0, "more was acknowledged than handed over")
    if left <= maxOutstanding / 2, wantsRoom.load(ordering: .sequentiallyConsistent) { request { _ in } }
  }

  private static func wakePoll(of handle: ClientHandle) {
    guard let queue = rd_kafka_queue_get_consumer(handle.pointer) else { return }
    rd_kafka_queue_yield(queue)
    rd_kafka_queue_destroy(queue)
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
