import CancelContract
import Dispatch
import Kafka
import Logging

/// Hands what the consumer's poll thread brings over to the worker's loop.
struct RebalanceHandler: KafkaConsumerHandler {
  let loop: WorkerLoop
  let decoder: RequestDecoder
  let restorer: LedgerRestorer
  let clock: SteadyClock
  let broker: BrokerWatch
  let logger: Logger
  /// The poll thread waits no longer than this for partitions to be given up.
  let revokeTimeout: Duration

  func received(_ messages: [KafkaMessage], under assignment: KafkaAssignmentID) {
    let receivedAt = clock.now
    let incoming = messages.map { IncomingMessage($0, decoder: decoder, receivedAt: receivedAt) }
    loop.eventLoop.execute { loop.assumeIsolated { $0.take(incoming) } }
  }

  func assigned(_ partitions: [KafkaAssignment], under assignment: KafkaAssignmentID) {
    let positions = Dictionary(uniqueKeysWithValues: partitions.map { ($0.partition.partition, $0.startOffset) })
    loop.eventLoop.execute {
      loop.assumeIsolated { $0.assigned(positions, under: assignment, restorer: restorer) }
    }
  }

  func revoked(_ partitions: [KafkaTopicPartition], under assignment: KafkaAssignmentID) {
    let numbers = partitions.map(\.partition)
    let done = DispatchSemaphore(value: 0)
    Task {
      await loop.revoked(numbers, restorer: restorer)
      done.signal()
    }
    let timeout = DispatchTime.now() + .microseconds(Int(revokeTimeout.microseconds))
    if done.wait(timeout: timeout) == .timedOut {
      logger.error("partitions are given up before they were settled: the drain took too long")
    }
  }

  func lost(_ partitions: [KafkaTopicPartition], under assignment: KafkaAssignmentID) {
    let numbers = partitions.map(\.partition)
    loop.eventLoop.execute {
      loop.assumeIsolated { loop in
        loop.keepBacklog()
        loop.lost(numbers)
      }
    }
  }

  func failed(_ error: KafkaError) {
    guard error.isFatal else {
      if error.code == .allBrokersDown, let watch = broker.connectionsDown(error.message) { Task { await watch() } }
      logger.debug("the consumer reports", metadata: ["error": "\(error)"])
      return
    }
    loop.eventLoop.execute { loop.assumeIsolated { $0.fail(error) } }
  }
}
