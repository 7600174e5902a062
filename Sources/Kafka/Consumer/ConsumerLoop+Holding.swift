import CRdkafka

/// Pausing and resuming, on the polling thread only: a pause from another thread could cross a message on its way out
/// of librdkafka's queue, which would then be read again.
extension ConsumerLoop {
  /// Waits a moment for acknowledgements when too much is outstanding, then pauses everything until half of it is
  /// acknowledged. False where the requests have to be looked at first.
  func makeRoom(_ handle: ClientHandle) -> Bool {
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

  func pause(_ partitions: [KafkaTopicPartition], _ client: OpaquePointer) {
    guard !partitions.isEmpty else { return }
    let list = TopicPartitions(partitions)
    rd_kafka_pause_partitions(client, list.pointer)
  }

  /// Resuming alone does not wake the thread that fetches, which may then sleep for another second; seeking does. So
  /// each partition is sought to where it stands. Nothing of it is queued, and nothing can be meanwhile.
  func resume(_ partitions: [KafkaTopicPartition], _ client: OpaquePointer) {
    guard !partitions.isEmpty else { return }
    let list = TopicPartitions(partitions)
    rd_kafka_position(client, list.pointer)
    positions.withLock { positions in
      for (index, partition) in partitions.enumerated() {
        let consumed = list.offset(at: index)
        // Without a position since the last seek, nothing was consumed since.
        let position = consumed >= 0 ? consumed : positions[partition] ?? 0
        positions[partition] = position
        list.setOffset(position, at: index)
      }
    }
    rd_kafka_resume_partitions(client, list.pointer)
    if let error = rd_kafka_seek_partitions(client, list.pointer, 0) { rd_kafka_error_destroy(error) }
  }
}
