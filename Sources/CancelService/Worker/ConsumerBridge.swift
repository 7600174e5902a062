import CancelContract
import Dispatch
import Kafka
import Logging
import Synchronization

/// Carries what the consumer's poll thread brings to the worker: decoded messages, and what the group decides.
struct ConsumerBridge: KafkaConsumerHandler {
  let shell: WorkerShell
  let decoder: RequestDecoder
  let clock: any WorkerClock
  let broker: BrokerWatch
  let logger: Logger
  /// The poll thread waits no longer than this for partitions to be given up.
  let revokeTimeout: Duration

  func received(_ messages: [KafkaMessage], under assignment: KafkaAssignmentID) {
    let received = clock.reading
    let incoming = messages.map { IncomingMessage($0, decoder: decoder, receivedAt: received.time) }
    let credit = messages.reduce(0) { $0 + $1.credit }
    shell.submit(incoming, number: assignment.rawValue, credit: credit, stepped: received.stepped)
  }

  func assigned(_ partitions: [KafkaAssignment], under assignment: KafkaAssignmentID) {
    var starts: [Int32: Worker.Start] = [:]
    for partition in partitions {
      starts[partition.partition.partition] = Worker.Start(position: partition.startOffset, logEnd: partition.logEnd)
    }
    shell.submit(.assigned(starts, number: assignment.rawValue))
  }

  func revoked(_ partitions: [KafkaTopicPartition], under assignment: KafkaAssignmentID) {
    let done = DispatchSemaphore(value: 0)
    shell.revoke(number: assignment.rawValue) { done.signal() }
    let timeout = DispatchTime.now() + .microseconds(Int(revokeTimeout.microseconds))
    if done.wait(timeout: timeout) == .timedOut {
      logger.error("partitions are given up before they were settled: the drain took too long")
    }
  }

  func lost(_ partitions: [KafkaTopicPartition], under assignment: KafkaAssignmentID) {
    shell.submit(.lost(number: assignment.rawValue))
  }

  func failed(_ error: KafkaError) {
    guard error.isFatal else {
      if error.code == .allBrokersDown, let watch = broker.connectionsDown(error.message) { Task { await watch() } }
      logger.debug("the consumer reports", metadata: ["error": "\(error)"])
      return
    }
    shell.submit(.failed(error))
  }
}

/// The worker's member of the consumer group: the one place that holds the consumer.
///
/// It is made before the consumer, which needs a handler that needs the worker; until `attach` there is nothing to ask.
final class GroupMember: RequestSource {
  private let topic: String
  private let consumer = Mutex<KafkaConsumer?>(nil)

  /// - Parameter topic: the requests topic.
  init(topic: String) {
    self.topic = topic
  }

  /// Stands for this consumer from now on; `nil` lets go of it.
  func attach(_ consumer: KafkaConsumer?) {
    self.consumer.withLock { $0 = consumer }
  }

  /// The consumer, while there is one.
  var present: KafkaConsumer? { consumer.withLock { $0 } }

  func resume(_ partitions: [Int32], number: UInt64) {
    present?.resume(
      partitions.map { KafkaTopicPartition(topic: topic, partition: $0) }, under: KafkaAssignmentID(rawValue: number))
  }

  func acknowledge(_ credit: Int) {
    present?.acknowledge(credit)
  }

  func commit(_ positions: [Int32: Int64], number: UInt64) async throws {
    try await present?.commit(offsets(positions), under: KafkaAssignmentID(rawValue: number))
  }

  /// Runs `body` while the assignment with this number lasts; see `KafkaConsumer.holding`.
  func holding(_ number: UInt64, _ body: () async throws -> Void) async throws {
    try await present?.holding(KafkaAssignmentID(rawValue: number), body)
  }

  var lagByPartition: [Int32: Int64] {
    var lags: [Int32: Int64] = [:]
    for (partition, lag) in present?.lag ?? [:] { lags[partition.partition] = lag }
    return lags
  }

  /// Positions as the consumer takes them.
  func offsets(_ positions: [Int32: Int64]) -> [KafkaTopicPartition: Int64] {
    var offsets: [KafkaTopicPartition: Int64] = [:]
    for (number, offset) in positions { offsets[KafkaTopicPartition(topic: topic, partition: number)] = offset }
    return offsets
  }
}
