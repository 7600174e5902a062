import CRdkafka
import Logging

/// Which records of transactions a reader sees.
public enum KafkaIsolation: String, Sendable {
  /// Only those that were committed.
  case readCommitted = "read_committed"
  /// All, those of open and aborted transactions too.
  case readUncommitted = "read_uncommitted"
}

/// Where reading of each partition begins.
public enum KafkaStartPosition: Sendable, Hashable {
  /// At the oldest record.
  case beginning
  /// Behind the newest one.
  case end
  /// At the given offsets; partitions not named begin at their oldest record.
  case offsets([Int32: Int64])
}

/// Reads all partitions of a topic as they grow, outside of any group, until it is told to stop.
public struct KafkaTail: Sendable {
  /// What to do after a batch.
  public enum Next: Sendable {
    /// Read on.
    case `continue`
    /// Stop; `run` returns.
    case stop
  }

  /// For each partition the offset at which reading begins. Nothing published after `open` returned is missed.
  public let startOffsets: [Int32: Int64]
  private let configuration: KafkaClientConfiguration
  private let topic: String
  private let isolation: KafkaIsolation
  private let fetchWait: Duration
  private let logger: Logger

  /// Finds the topic's partitions and the offsets to begin at.
  /// - Parameter fetchWait: how long a broker may hold a request for which it has nothing new. A Kafka answers as soon as
  ///   it has; a broker that doesn't tells what is new only after this time.
  /// - Throws: `KafkaError`, with `unknownTopic` where there is no such topic.
  public static func open(
    configuration: KafkaClientConfiguration, topic: String, from start: KafkaStartPosition,
    isolation: KafkaIsolation = .readCommitted, logger: Logger, timeout: Duration = .seconds(30),
    fetchWait: Duration = .milliseconds(50)
  ) async throws -> KafkaTail {
    let offsets = try await BlockingTask.run(name: "kafka-tail") { isCancelled in
      let errors = LastClientError()
      do {
        let handle = try ClientHandle(
          .reader, configuration, settings: .reader(isolation), callbacks: errors, logger: logger)
        return try startOffsets(handle, topic, start, until: .now + timeout, isCancelled)
      } catch let error as KafkaError {
        throw errors.explaining(error)
      }
    }
    return KafkaTail(
      startOffsets: offsets, configuration: configuration, topic: topic, isolation: isolation, fetchWait: fetchWait,
      logger: logger)
  }

  /// Reads until `onBatch` says stop or throws, or the task is cancelled (which is no error).
  ///
  /// librdkafka's queue is bounded, so a slow `onBatch` slows down reading.
  /// - Parameter onBatch: called on the tail's own thread with records in order by partition.
  public func run(onBatch: @escaping @Sendable ([KafkaMessage]) throws -> Next) async throws {
    let tail = self
    try await BlockingTask.run(name: "kafka-tail") { isCancelled in
      try tail.read(isCancelled, onBatch)
    }
  }

  private func read(_ isCancelled: () -> Bool, _ onBatch: ([KafkaMessage]) throws -> Next) throws {
    let errors = LastClientError()
    do {
      let consumer = try SimpleConsumer(
        configuration, topic: topic, settings: .tail(isolation, fetchWait), callbacks: errors, logger: logger,
        destroyed: Completion())
      for (partition, offset) in startOffsets { try consumer.start(partition, at: offset) }
      while !isCancelled() {
        let batch = try consumer.poll(.milliseconds(100)) { _, _ in true }
        if !batch.messages.isEmpty, case .stop = try onBatch(batch.messages) { return }
        if let failure = batch.failures.first { throw failure.value }
      }
    } catch let error as KafkaError {
      throw errors.explaining(error)
    }
  }

  private static func startOffsets(
    _ handle: ClientHandle, _ topic: String, _ start: KafkaStartPosition, until deadline: ContinuousClock.Instant,
    _ isCancelled: () -> Bool
  ) throws -> [Int32: Int64] {
    guard let count = try handle.partitionCount(of: topic, timeout: max(.zero, deadline - .now)) else {
      throw KafkaError(
        code: .unknownTopic, message: "there is no topic \(topic); create it first", operation: "read \(topic)")
    }
    var offsets: [Int32: Int64] = [:]
    for partition in 0..<Int32(count) {
      if case .offsets(let given) = start, let offset = given[partition] {
        offsets[partition] = offset
        continue
      }
      guard
        let bounds = try handle.watermarks(
          of: KafkaTopicPartition(topic: topic, partition: partition), until: deadline, isCancelled: isCancelled)
      else { throw CancellationError() }
      offsets[partition] = start == .end ? bounds.high : bounds.low
    }
    return offsets
  }
}

extension ClientSettings {
  fileprivate static func tail(_ isolation: KafkaIsolation, _ fetchWait: Duration) -> ClientSettings {
    var settings = reader(isolation)
    settings.defaults["fetch.wait.max.ms"] =
      "\(fetchWait.components.seconds * 1000 + fetchWait.components.attoseconds / 1_000_000_000_000_000)"
    settings.defaults["queued.min.messages"] = "5000"
    settings.defaults["queued.max.messages.kbytes"] = "8192"
    settings.fixed["enable.partition.eof"] = "false"
    return settings
  }
}
