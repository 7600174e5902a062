import CRdkafka
import Logging

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
    of partition: KafkaTopicPartition, until deadline: ContinuousClock.Instant, isCancelled: () -> Bool = { false }
  ) throws -> KafkaWatermarks {
    let patience = ContinuousClock.now + .seconds(5)
    while true {
      var low: Int64 = 0
      var high: Int64 = 0
      let slice = min(max(.milliseconds(1), deadline - .now), .seconds(5)).librdkafkaMilliseconds
      let code = rd_kafka_query_watermark_offsets(
        pointer, partition.topic, partition.partition, &low, &high, slice)
      if code == RD_KAFKA_RESP_ERR_NO_ERROR { return KafkaWatermarks(low: low, high: high) }
      let error = KafkaError(code, operation: "watermarks of \(partition)")
      if isCancelled() { throw CancellationError() }
      // Metadata of a topic just made may lag behind; that of one that does not exist will not come.
      let limit = error.code.isUnknownPlace ? min(deadline, patience) : deadline
      guard error.isRetriable, ContinuousClock.now < limit else { throw error }
      DedicatedThread.rest(for: .milliseconds(20))
    }
  }

  /// The number of partitions of a topic; `nil` where it does not exist. Blocks.
  func partitionCount(of topic: String, timeout: Duration) throws -> Int? {
    guard let handle = rd_kafka_topic_new(pointer, topic, nil) else {
      throw KafkaError(rd_kafka_last_error(), operation: "metadata", message: "\(topic) is no name for a topic")
    }
    defer { rd_kafka_topic_destroy(handle) }
    var metadata: UnsafePointer<rd_kafka_metadata>?
    let code = rd_kafka_metadata(pointer, 0, handle, &metadata, timeout.librdkafkaMilliseconds)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { throw KafkaError(code, operation: "metadata") }
    defer { rd_kafka_metadata_destroy(metadata) }
    guard metadata.pointee.topic_cnt > 0, let found = metadata.pointee.topics?[0] else { return nil }
    switch found.err {
    case RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE: return Int(found.partition_cnt)
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC: return nil
    default: throw KafkaError(found.err, operation: "metadata of \(topic)")
    }
  }
}
