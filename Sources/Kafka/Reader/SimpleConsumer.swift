import CRdkafka
import Logging

/// Reads named partitions of one topic without any group: no member, no coordinator, no commits.
///
/// Belongs to one thread. Partitions are stopped and everything is freed when it goes.
final class SimpleConsumer {
  /// What came with one poll.
  struct Batch {
    var messages: [KafkaMessage] = []
    /// The partitions whose end was reached after the messages.
    var ends: [Int32: Int64] = [:]
    /// The partitions that can't be read on.
    var failures: [Int32: KafkaError] = [:]

    /// The messages in runs of one partition each.
    var messagesByPartition: [ArraySlice<KafkaMessage>] {
      var runs: [ArraySlice<KafkaMessage>] = []
      var rest = messages[...]
      while let partition = rest.first?.partition {
        let run = rest.prefix { $0.partition == partition }
        runs.append(run)
        rest = rest.dropFirst(run.count)
      }
      return runs
    }
  }

  private static let largestBatch = 1000
  /// A queue that has been full is to be filled again when no more than so many messages are in it: well below the least
  /// that a reader has queued.
  private static let lowQueue = 2000

  let topic: String
  private let handle: ClientHandle
  private let topicHandle: OpaquePointer
  private let queue: OpaquePointer
  private let buffer: UnsafeMutableBufferPointer<UnsafeMutablePointer<rd_kafka_message_t>?>
  private var started: Set<Int32> = []
  private var decoder = MessageDecoder()
  /// Messages since the fetching thread was last woken, or the queue was found empty.
  private var takenInARow = 0

  init(
    _ configuration: KafkaClientConfiguration, topic: String, settings: ClientSettings,
    callbacks: any ClientCallbacks, logger: Logger, destroyed: Completion
  ) throws {
    let handle = try ClientHandle(
      .reader, configuration, settings: settings, callbacks: callbacks, logger: logger, destroyed: destroyed)
    guard let topicHandle = rd_kafka_topic_new(handle.pointer, topic, nil) else {
      throw KafkaError(rd_kafka_last_error(), operation: "read", message: "\(topic) is no name for a topic")
    }
    guard let queue = rd_kafka_queue_new(handle.pointer) else {
      rd_kafka_topic_destroy(topicHandle)
      throw KafkaError(code: .invalidArgument, message: "out of memory", operation: "read")
    }
    self.topic = topic
    self.handle = handle
    self.topicHandle = topicHandle
    self.queue = queue
    buffer = .allocate(capacity: Self.largestBatch)
  }

  deinit {
    for partition in started { rd_kafka_consume_stop(topicHandle, partition) }
    rd_kafka_queue_destroy(queue)
    rd_kafka_topic_destroy(topicHandle)
    buffer.deallocate()
  }

  func start(_ partition: Int32, at offset: Int64) throws(KafkaError) {
    guard rd_kafka_consume_start_queue(topicHandle, partition, offset, queue) == 0 else {
      throw KafkaError(rd_kafka_last_error(), operation: "read \(topic)/\(partition)")
    }
    started.insert(partition)
  }

  func stop(_ partition: Int32) {
    guard started.remove(partition) != nil else { return }
    rd_kafka_consume_stop(topicHandle, partition)
  }

  /// Waits for the first message, then takes what else is there: a call for a batch would wait until it is full.
  /// - Parameter accepts: which messages are worth decoding.
  /// - Throws: `KafkaError` where the client failed for good.
  func poll(_ timeout: Duration, accepts: (Int32, Int64) -> Bool) throws(KafkaError) -> Batch {
    var batch = Batch()
    guard let first = rd_kafka_consume_queue(queue, timeout.librdkafkaMilliseconds) else {
      takenInARow = 0
      return batch
    }
    buffer[0] = first
    let more = UnsafeMutablePointer(rebasing: buffer[1...])
    let count = 1 + max(0, rd_kafka_consume_batch_queue(queue, 0, more, Self.largestBatch - 1))
    defer { for index in 0..<count { rd_kafka_message_destroy(buffer[index]) } }
    takenInARow += count
    wakeFetcherWhereQueueRunsLow()
    batch.messages.reserveCapacity(count)
    for index in 0..<count {
      guard let message = buffer[index] else { continue }
      let (code, partition, offset) = (message.pointee.err, message.pointee.partition, message.pointee.offset)
      if code == RD_KAFKA_RESP_ERR_NO_ERROR {
        if accepts(partition, offset) { batch.messages.append(decoder.decode(message)) }
      } else if code == RD_KAFKA_RESP_ERR__PARTITION_EOF {
        batch.ends[partition] = offset
      } else {
        let error = KafkaError(
          code, operation: "read \(topic)/\(partition)",
          message: rd_kafka_message_errstr(message).map { String(cString: $0) })
        if let fatal = handle.fatalError("read") { throw fatal }
        // What passes by itself librdkafka retries; the message only tells of it.
        if !error.isRetriable { batch.failures[partition] = error }
      }
    }
    return batch
  }

  /// A queue that was full is not filled again for up to a second by a librdkafka that has no property for it. It is
  /// woken before the queue is empty, so that reading goes on meanwhile.
  private func wakeFetcherWhereQueueRunsLow() {
    guard KafkaLibrary.promptFetching.isEmpty, takenInARow > Self.lowQueue,
      rd_kafka_queue_length(queue) <= Self.lowQueue
    else { return }
    takenInARow = 0
    KafkaLibrary.wakeFetcher(
      of: started.map { KafkaTopicPartition(topic: topic, partition: $0) }, handle.pointer)
  }

  /// The next offset to be read, past what transactions leave in the log; `nil` before the first message.
  func position(of partition: Int32) -> Int64? {
    let list = TopicPartitions([KafkaTopicPartition(topic: topic, partition: partition)])
    guard rd_kafka_position(handle.pointer, list.pointer) == RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
    let offset = list.offset(at: 0)
    return offset >= 0 ? offset : nil
  }
}

extension UnsafeMutablePointer {
  fileprivate init?(rebasing slice: Slice<UnsafeMutableBufferPointer<Pointee>>) {
    self.init(UnsafeMutableBufferPointer(rebasing: slice).baseAddress)
  }
}

extension ClientSettings {
  /// For reading without a group.
  static func reader(_ isolation: KafkaIsolation) -> ClientSettings {
    ClientSettings(
      defaults: [
        "fetch.error.backoff.ms": "20",
        // A broker may answer with more than it was asked for; the limit only guards against nonsense.
        "receive.message.max.bytes": "1000000000",
      ].merging(KafkaLibrary.promptFetching) { $1 },
      fixed: [
        "enable.auto.commit": "false",
        "enable.auto.offset.store": "false",
        "enable.partition.eof": "true",
        "auto.offset.reset": "earliest",
        "isolation.level": isolation.rawValue,
      ])
  }
}

/// The offsets between which a partition has records.
public struct KafkaWatermarks: Hashable, Sendable {
  /// The oldest offset that is still kept.
  public var low: Int64
  /// The offset behind the newest record.
  public var high: Int64

  /// A range of offsets.
  public init(low: Int64, high: Int64) {
    self.low = low
    self.high = high
  }
}

extension ClientHandle {
  /// Asks the partition's leader; blocks. A fresh topic has no leader for a moment, so this tries until the deadline.
  ///
  /// The high watermark is that of the client's isolation: the last stable offset under `read_committed`.
  func watermarks(
    of partition: KafkaTopicPartition, until deadline: ContinuousClock.Instant
  ) throws(KafkaError) -> KafkaWatermarks {
    guard let watermarks = try watermarks(of: partition, until: deadline, isCancelled: { false }) else {
      preconditionFailure("only a cancelled query ends without watermarks")
    }
    return watermarks
  }

  /// - Returns: `nil` where it was cancelled.
  func watermarks(
    of partition: KafkaTopicPartition, until deadline: ContinuousClock.Instant, isCancelled: () -> Bool
  ) throws(KafkaError) -> KafkaWatermarks? {
    let patience = ContinuousClock.now + .seconds(5)
    while true {
      let slice = min(max(.milliseconds(1), deadline - .now), .seconds(5))
      do {
        return try queryWatermarks(of: partition, timeout: slice)
      } catch {
        if isCancelled() { return nil }
        // Metadata of a topic just made may lag behind; that of one that does not exist will not come.
        let limit = error.code.isUnknownPlace ? min(deadline, patience) : deadline
        guard error.isRetriable, ContinuousClock.now < limit else { throw error }
        DedicatedThread.rest(for: .milliseconds(20))
      }
    }
  }

  /// Asks once; blocks.
  func queryWatermarks(
    of partition: KafkaTopicPartition, timeout: Duration
  ) throws(KafkaError) -> KafkaWatermarks {
    let bounds = try logBounds([partition], timeout: timeout, of: pointer)
    guard let found = bounds[partition] else {
      throw KafkaError(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, operation: "watermarks of \(partition)")
    }
    return found
  }

  /// The number of partitions of a topic; `nil` where it does not exist. Blocks.
  func partitionCount(of topic: String, timeout: Duration) throws -> Int? {
    try describe(topic, timeout: timeout).partitions
  }

  /// Asks for a topic without making it. Blocks.
  func describe(_ topic: String, timeout: Duration) throws -> KafkaTopicDescription {
    guard let handle = rd_kafka_topic_new(pointer, topic, nil) else {
      throw KafkaError(rd_kafka_last_error(), operation: "metadata", message: "\(topic) is no name for a topic")
    }
    defer { rd_kafka_topic_destroy(handle) }
    var metadata: UnsafePointer<rd_kafka_metadata>?
    let code = rd_kafka_metadata(pointer, 0, handle, &metadata, timeout.librdkafkaMilliseconds)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { throw KafkaError(code, operation: "metadata") }
    defer { rd_kafka_metadata_destroy(metadata) }
    let missing = KafkaTopicDescription(name: topic, partitions: nil)
    guard metadata.pointee.topic_cnt > 0, let found = metadata.pointee.topics?[0] else { return missing }
    switch found.err {
    case RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
      let partitions = UnsafeBufferPointer(start: found.partitions, count: Int(found.partition_cnt))
      return KafkaTopicDescription(
        name: topic, partitions: partitions.count, replicas: Int(partitions.map(\.replica_cnt).min() ?? 0),
        inSyncReplicas: Int(partitions.map(\.isr_cnt).min() ?? 0), leaderless: partitions.count { $0.leader < 0 })
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC: return missing
    default: throw KafkaError(found.err, operation: "metadata of \(topic)")
    }
  }
}

/// The first offset of each partition and the one behind its last record (under `read_committed`, behind its last stable
/// one), asked of their leaders; blocks, for twice the timeout at most.
///
/// `rd_kafka_query_watermark_offsets` asks the same, but takes two requests for each partition, and waits for a leader
/// that is down beyond its timeout.
func logBounds(
  _ partitions: [KafkaTopicPartition], timeout: Duration, of client: OpaquePointer
) throws(KafkaError) -> [KafkaTopicPartition: KafkaWatermarks] {
  let lows = try offsets(partitions, at: Int64(RD_KAFKA_OFFSET_BEGINNING), timeout: timeout, of: client)
  let highs = try offsets(partitions, at: Int64(RD_KAFKA_OFFSET_END), timeout: timeout, of: client)
  var bounds: [KafkaTopicPartition: KafkaWatermarks] = [:]
  for (partition, low) in lows { bounds[partition] = KafkaWatermarks(low: low, high: highs[partition] ?? low) }
  return bounds
}

/// The offset of each partition's first record at a time, in milliseconds since 1970, or at one of librdkafka's names for
/// a place; partitions without such a record are left out. Blocks.
func offsets(
  _ partitions: [KafkaTopicPartition], at place: Int64, timeout: Duration, of client: OpaquePointer
) throws(KafkaError) -> [KafkaTopicPartition: Int64] {
  guard !partitions.isEmpty else { return [:] }
  let list = TopicPartitions(partitions)
  for index in 0..<list.count { list.setOffset(place, at: index) }
  let code = rd_kafka_offsets_for_times(client, list.pointer, timeout.librdkafkaMilliseconds)
  guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, operation: "offsets") }
  if let failed = list.firstError { throw KafkaError(failed.code, operation: "offsets of \(failed.partition)") }
  var offsets: [KafkaTopicPartition: Int64] = [:]
  for index in 0..<list.count where list.offset(at: index) >= 0 {
    offsets[list.partition(at: index)] = list.offset(at: index)
  }
  return offsets
}
