import CRdkafka
import Logging
import Synchronization

/// Reads given partitions from given offsets to their end, once.
public enum KafkaPartitionReader {
  /// Reads each partition from its offset to the end that it has when this is called.
  ///
  /// The end is the high watermark, not the last stable offset: where a transaction on the partition is decided but
  /// not yet marked there, reading waits for the mark, so that nothing it commits is missed. A caller that restores
  /// state for a group fetches the group's stable offsets first.
  /// - Parameters:
  ///   - timeout: how long nothing may come while an end is not reached.
  ///   - offsets: the partitions to read, each with its first offset; one before the log's start means its start.
  ///   - onBatch: called on the reader's thread with committed records in order by partition. When it throws, reading
  ///     stops and its error is thrown on.
  /// - Returns: for each partition the end up to which it was read.
  /// - Throws: `KafkaError` with `offsetOutOfRange` where a first offset lies behind the end: the topic is not the one
  ///   that was read before. `CancellationError` when the task is cancelled.
  public static func readToEnd(
    configuration: KafkaClientConfiguration, topic: String, from offsets: [Int32: Int64], logger: Logger,
    timeout: Duration = .seconds(60), onBatch: @escaping @Sendable ([KafkaMessage]) throws -> Void
  ) async throws -> [Int32: Int64] {
    guard !offsets.isEmpty else { return [:] }
    let reading = ReadToEnd(
      configuration: configuration, topic: topic, offsets: offsets, logger: logger, timeout: timeout,
      onBatch: onBatch)
    return try await BlockingTask.run(name: "kafka-reader") { isCancelled in
      try reading.run(isCancelled)
    }
  }

  /// The high watermarks of these partitions, whatever transactions are open on them.
  ///
  /// - Throws: `KafkaError` where they were not told in time; `CancellationError` when the task is cancelled.
  public static func ends(
    configuration: KafkaClientConfiguration, topic: String, partitions: [Int32], logger: Logger,
    timeout: Duration = .seconds(5)
  ) async throws -> [Int32: Int64] {
    let reading = ReadToEnd(
      configuration: configuration, topic: topic, offsets: Dictionary(uniqueKeysWithValues: partitions.map { ($0, 0) }),
      logger: logger, timeout: timeout, onBatch: { _ in })
    return try await BlockingTask.run(name: "kafka-watermarks") { isCancelled in
      try reading.watermarks(LastClientError(), isCancelled).mapValues(\.high)
    }
  }
}

/// One reading to the end; runs on a thread of its own.
private struct ReadToEnd: Sendable {
  let configuration: KafkaClientConfiguration
  let topic: String
  let offsets: [Int32: Int64]
  let logger: Logger
  let timeout: Duration
  let onBatch: @Sendable ([KafkaMessage]) throws -> Void

  /// One is fetched while another is taken; more would only hold more memory, for all is taken by one thread.
  private static let partitionsAtATime = 1

  func run(_ isCancelled: () -> Bool) throws -> [Int32: Int64] {
    let errors = LastClientError()
    do {
      return try read(errors, isCancelled)
    } catch let error as KafkaError {
      throw errors.explaining(error)
    }
  }

  private func read(_ errors: LastClientError, _ isCancelled: () -> Bool) throws -> [Int32: Int64] {
    let bounds = try watermarks(errors, isCancelled)
    var unread: [Int32: Int64] = [:]
    for (partition, bound) in bounds {
      let first = offsets[partition] ?? 0
      guard first <= bound.high else {
        throw KafkaError(
          code: .offsetOutOfRange, message: "offset \(first) lies behind the end, \(bound.high)",
          operation: "read \(topic)/\(partition)")
      }
      if max(first, bound.low) < bound.high { unread[partition] = bound.high }
    }
    guard !unread.isEmpty else { return bounds.mapValues(\.high) }
    let consumer = try SimpleConsumer(
      configuration, topic: topic, settings: .readToEnd, callbacks: errors, logger: logger, destroyed: Completion())
    var waiting = unread.keys.sorted()
    var deadline = ContinuousClock.now + timeout
    while !unread.isEmpty {
      while let partition = waiting.first, unread.count - waiting.count < Self.partitionsAtATime {
        try consumer.start(partition, at: max(offsets[partition] ?? 0, bounds[partition]?.low ?? 0))
        waiting.removeFirst()
      }
      if isCancelled() { throw CancellationError() }
      guard ContinuousClock.now < deadline else {
        throw KafkaError(
          code: .timedOut, message: "the ends of \(unread.keys.sorted()) were not reached in time",
          operation: "read \(topic)", isRetriable: true)
      }
      if try step(consumer, &unread) { deadline = .now + timeout }
    }
    return bounds.mapValues(\.high)
  }

  /// Goes by position: control records and compaction leave holes, so that counting would never arrive.
  /// - Returns: whether anything came.
  private func step(_ consumer: SimpleConsumer, _ unread: inout [Int32: Int64]) throws -> Bool {
    let ends = unread
    let event = try consumer.poll(.milliseconds(20)) { partition, offset in offset < ends[partition] ?? 0 }
    if case .messages(let messages, let reached) = event {
      if !messages.isEmpty { try onBatch(messages) }
      for (partition, offset) in reached where offset >= unread[partition] ?? .max {
        unread[partition] = nil
        consumer.stop(partition)
      }
    }
    for (partition, end) in unread {
      guard let position = consumer.position(of: partition), position >= end else { continue }
      unread[partition] = nil
      consumer.stop(partition)
    }
    if case .messages = event { return true }
    return unread.count < ends.count
  }

  /// Asked for without isolation, by a client of its own: a client's isolation holds for its watermarks too.
  func watermarks(
    _ errors: LastClientError, _ isCancelled: () -> Bool
  ) throws -> [Int32: KafkaWatermarks] {
    let handle = try ClientHandle(
      .reader, configuration, settings: .reader(.readUncommitted), callbacks: errors, logger: logger)
    let deadline = ContinuousClock.now + timeout
    var bounds: [Int32: KafkaWatermarks] = [:]
    for partition in offsets.keys {
      guard
        let found = try handle.watermarks(
          of: KafkaTopicPartition(topic: topic, partition: partition), until: deadline, isCancelled: isCancelled)
      else { throw CancellationError() }
      bounds[partition] = found
    }
    return bounds
  }
}

extension ClientSettings {
  /// For throughput within little memory: a queued message costs librdkafka several times its size, and what it frees
  /// the process keeps. Ten thousand of them and 2 MiB a fetch read as fast as more do.
  fileprivate static var readToEnd: ClientSettings {
    var settings = reader(.readCommitted)
    settings.defaults["fetch.wait.max.ms"] = "10"
    settings.defaults["fetch.max.bytes"] = "2097152"
    settings.defaults["queued.min.messages"] = "10000"
    settings.defaults["queued.max.messages.kbytes"] = "16384"
    return settings
  }
}
