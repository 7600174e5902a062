import CRdkafka
import Logging

/// Reads given partitions from given offsets to their end, once.
///
/// The end of a partition is its high watermark, not its last stable offset: where a transaction on the partition is
/// decided but not yet marked there, reading waits for the mark, so that nothing it commits is missed. A caller that
/// restores state for a group fetches the group's stable offsets first.
public enum KafkaPartitionReader {
  /// What is told of one partition. `end` and `failure` are the last of a partition.
  public enum Progress: Sendable {
    /// Committed records, in order.
    case records(partition: Int32, [KafkaMessage])
    /// The partition has been read up to this offset, its end when its bounds were asked for.
    case end(partition: Int32, offset: Int64)
    /// The partition can't be read on; the others are. Where the error is retriable, another reading may go on at `next`.
    case failure(partition: Int32, next: Int64, KafkaError)
  }

  /// What to do after something was told of a partition.
  public enum Next: Sendable {
    /// Read on.
    case `continue`
    /// Read no more of this partition; nothing more is told of it.
    case stop
  }

  /// Reads partitions with one client, and tells the fate of each by itself: one that can't be reached, or that waits for
  /// a transaction, holds up no other.
  ///
  /// A failure with the code `offsetOutOfRange` says that the first offset lies behind the end: the topic is not the one
  /// that was read before.
  /// - Parameters:
  ///   - offsets: the partitions to read, each with its first offset; one before the log's start means its start.
  ///   - timeout: how long a partition may make no progress before it fails.
  ///   - onProgress: called on the reader's thread, which waits for it. When it throws, all reading stops and its error
  ///     is thrown on.
  /// - Throws: `KafkaError` where no partition can be read, because the configuration is refused or the client failed
  ///   for good; `CancellationError` when the task is cancelled.
  public static func read(
    configuration: KafkaClientConfiguration, topic: String, from offsets: [Int32: Int64], logger: Logger,
    timeout: Duration = .seconds(60), onProgress: @escaping @Sendable (Progress) throws -> Next
  ) async throws {
    guard !offsets.isEmpty else { return }
    try await BlockingTask.run(name: "kafka-reader") { isCancelled in
      var reading = Reading(
        configuration: configuration, topic: topic, offsets: offsets, logger: logger, timeout: timeout,
        onProgress: onProgress)
      try reading.run(isCancelled)
    }
  }

  /// Reads one partition to its end, as `read` does.
  /// - Parameter onBatch: called on the reader's thread with committed records in order. When it throws, reading stops
  ///   and its error is thrown on. After an error of the reader's own, reading may be tried again behind the last record
  ///   that was taken.
  /// - Returns: the end up to which the partition was read.
  /// - Throws: `KafkaError`, which says whether it is retriable; `CancellationError` when the task is cancelled.
  public static func readToEnd(
    configuration: KafkaClientConfiguration, topic: String, partition: Int32, from offset: Int64, logger: Logger,
    timeout: Duration = .seconds(60), onBatch: @escaping @Sendable ([KafkaMessage]) throws -> Void
  ) async throws -> Int64 {
    let ends = try await readToEnd(
      configuration: configuration, topic: topic, from: [partition: offset], logger: logger, timeout: timeout,
      onBatch: onBatch)
    guard let end = ends[partition] else { preconditionFailure("a reading that succeeds tells each partition's end") }
    return end
  }

  /// Reads all partitions to their ends, or fails as a whole with the first partition that fails.
  /// - Returns: for each partition the end up to which it was read.
  /// - Throws: `KafkaError`; `CancellationError` when the task is cancelled; what `onBatch` throws.
  public static func readToEnd(
    configuration: KafkaClientConfiguration, topic: String, from offsets: [Int32: Int64], logger: Logger,
    timeout: Duration = .seconds(60), onBatch: @escaping @Sendable ([KafkaMessage]) throws -> Void
  ) async throws -> [Int32: Int64] {
    let ends = Monitor<[Int32: Int64]>([:])
    try await read(
      configuration: configuration, topic: topic, from: offsets, logger: logger, timeout: timeout
    ) { progress in
      switch progress {
      case .records(_, let messages): try onBatch(messages)
      case .end(let partition, let offset): ends.update { $0[partition] = offset }
      case .failure(_, _, let error): throw error
      }
      return .continue
    }
    return ends.withLock { $0 }
  }

  /// A group's committed positions; absent for a partition without one. Nothing joins the group.
  ///
  /// - Throws: `KafkaError` where they were not told in time; `CancellationError` when the task is cancelled.
  public static func positions(
    configuration: KafkaClientConfiguration, group: String, topic: String, partitions: [Int32], logger: Logger,
    timeout: Duration = .seconds(5)
  ) async throws -> [Int32: Int64] {
    try await BlockingTask.run(name: "kafka-positions") { _ in
      let errors = LastClientError()
      var settings = ClientSettings.reader(.readCommitted)
      settings.fixed["group.id"] = group
      do {
        let handle = try ClientHandle(.reader, configuration, settings: settings, callbacks: errors, logger: logger)
        let places = partitions.map { KafkaTopicPartition(topic: topic, partition: $0) }
        var positions: [Int32: Int64] = [:]
        for (place, offset) in try committedOffsets(places, timeout: timeout, of: handle.pointer) {
          if let offset { positions[place.partition] = offset }
        }
        return positions
      } catch let error as KafkaError {
        throw errors.explaining(error)
      }
    }
  }

  /// The high watermarks of these partitions, whatever transactions are open on them.
  ///
  /// - Throws: `KafkaError` where they were not told in time; `CancellationError` when the task is cancelled.
  public static func ends(
    configuration: KafkaClientConfiguration, topic: String, partitions: [Int32], logger: Logger,
    timeout: Duration = .seconds(5)
  ) async throws -> [Int32: Int64] {
    try await BlockingTask.run(name: "kafka-watermarks") { isCancelled in
      let handle = try ClientHandle(
        .reader, configuration, settings: .reader(.readUncommitted), callbacks: LastClientError(), logger: logger)
      let deadline = ContinuousClock.now + timeout
      var ends: [Int32: Int64] = [:]
      for partition in partitions {
        let place = KafkaTopicPartition(topic: topic, partition: partition)
        guard let watermarks = try handle.watermarks(of: place, until: deadline, isCancelled: isCancelled) else {
          throw CancellationError()
        }
        ends[partition] = watermarks.high
      }
      return ends
    }
  }
}

extension KafkaPartitionReader {
  /// The offset of the first record of each partition that was stamped at this time or later; partitions that have none
  /// are left out.
  ///
  /// - Parameters:
  ///   - milliseconds: the time, since 1970.
  ///   - timeout: how long the brokers may take.
  /// - Throws: `KafkaError` where they were not told in time; `CancellationError` when the task is cancelled.
  public static func offsets(
    configuration: KafkaClientConfiguration, topic: String, partitions: [Int32], at milliseconds: Int64, logger: Logger,
    timeout: Duration = .seconds(5)
  ) async throws -> [Int32: Int64] {
    try await BlockingTask.run(name: "kafka-offsets") { isCancelled in
      let handle = try ClientHandle(
        .reader, configuration, settings: .reader(.readCommitted), callbacks: LastClientError(), logger: logger)
      let places = partitions.map { KafkaTopicPartition(topic: topic, partition: $0) }
      let found = try Kafka.offsets(places, at: max(0, milliseconds), timeout: timeout, of: handle.pointer)
      guard !isCancelled() else { throw CancellationError() }
      return Dictionary(uniqueKeysWithValues: found.map { ($0.key.partition, $0.value) })
    }
  }
}

/// One reading, on a thread of its own. Each partition goes from `unplaced` (its bounds are not known) to `waiting` (not
/// started yet) to `open`, and then its end or its failure is told.
private struct Reading {
  private struct Unplaced {
    var retryAt: ContinuousClock.Instant
    var error: KafkaError?
  }

  private struct Open {
    var end: Int64
    /// Behind the last record that was told.
    var next: Int64
    var progressAt: ContinuousClock.Instant
  }

  /// One partition is fetched while another one's records are taken; more would only hold more memory, for all is taken
  /// by one thread.
  private static let partitionsAtATime = 1
  /// A partition without progress for so long does not count among them.
  private static let stall: Duration = .seconds(1)
  private static let placingSlice: Duration = .milliseconds(500)
  private static let unknownPlacePatience: Duration = .seconds(5)

  private let configuration: KafkaClientConfiguration
  private let topic: String
  private let offsets: [Int32: Int64]
  private let logger: Logger
  private let timeout: Duration
  private let onProgress: (KafkaPartitionReader.Progress) throws -> KafkaPartitionReader.Next
  private let errors = LastClientError()
  private let startedAt = ContinuousClock.now
  private var unplaced: [Int32: Unplaced]
  private var waiting: [(partition: Int32, bounds: KafkaWatermarks)] = []
  private var open: [Int32: Open] = [:]
  /// Asks for bounds without isolation, by a client of its own: a client's isolation holds for its watermarks too.
  private var placing: ClientHandle?
  private var consumer: SimpleConsumer?

  init(
    configuration: KafkaClientConfiguration, topic: String, offsets: [Int32: Int64], logger: Logger,
    timeout: Duration, onProgress: @escaping (KafkaPartitionReader.Progress) throws -> KafkaPartitionReader.Next
  ) {
    self.configuration = configuration
    self.topic = topic
    self.offsets = offsets
    self.logger = logger
    self.timeout = timeout
    self.onProgress = onProgress
    unplaced = offsets.mapValues { [startedAt] _ in Unplaced(retryAt: startedAt) }
  }

  mutating func run(_ isCancelled: () -> Bool) throws {
    do {
      while !unplaced.isEmpty || !waiting.isEmpty || !open.isEmpty {
        try place(isCancelled)
        try startNext()
        if open.isEmpty, waiting.isEmpty, !unplaced.isEmpty { DedicatedThread.rest(for: .milliseconds(20)) }
        if !open.isEmpty { try step() }
        try expire()
        if isCancelled() { throw CancellationError() }
      }
    } catch let error as KafkaError {
      throw errors.explaining(error)
    }
  }

  /// Asks for the bounds of the partitions whose turn it is.
  private mutating func place(_ isCancelled: () -> Bool) throws {
    guard !unplaced.isEmpty else { return }
    let handle: ClientHandle
    if let placing {
      handle = placing
    } else {
      handle = try ClientHandle(
        .reader, configuration, settings: .reader(.readUncommitted), callbacks: errors, logger: logger)
      placing = handle
    }
    for partition in unplaced.keys.sorted() where unplaced[partition]?.retryAt ?? .now <= .now {
      if isCancelled() { throw CancellationError() }
      do {
        let place = KafkaTopicPartition(topic: topic, partition: partition)
        let bounds = try handle.queryWatermarks(of: place, timeout: min(Self.placingSlice, timeout))
        unplaced[partition] = nil
        try placed(partition, bounds)
      } catch let error as KafkaError {
        if let fatal = handle.fatalError("watermarks") { throw fatal }
        // Metadata of a topic just made may lag behind; that of one that does not exist will not come.
        let isLasting = error.code.isUnknownPlace && ContinuousClock.now - startedAt >= Self.unknownPlacePatience
        if !error.isRetriable || isLasting {
          unplaced[partition] = nil
          try tellFailure(partition, offsets[partition] ?? 0, error)
        } else {
          unplaced[partition] = Unplaced(retryAt: .now + .milliseconds(open.isEmpty ? 20 : 1000), error: error)
        }
      }
    }
    if unplaced.isEmpty { placing = nil }
  }

  private mutating func placed(_ partition: Int32, _ bounds: KafkaWatermarks) throws {
    let first = offsets[partition] ?? 0
    guard first <= bounds.high else {
      return try tellFailure(
        partition, first,
        KafkaError(
          code: .offsetOutOfRange, message: "offset \(first) lies behind the end, \(bounds.high)",
          operation: "read \(topic)/\(partition)"))
    }
    if max(first, bounds.low) < bounds.high {
      waiting.append((partition, bounds))
    } else {
      _ = try onProgress(.end(partition: partition, offset: bounds.high))
    }
  }

  private mutating func startNext() throws {
    while let (partition, bounds) = waiting.first {
      let now = ContinuousClock.now
      guard open.values.count(where: { now - $0.progressAt < Self.stall }) < Self.partitionsAtATime else { return }
      waiting.removeFirst()
      let consumer = try openConsumer()
      let first = max(offsets[partition] ?? 0, bounds.low)
      do {
        try consumer.start(partition, at: first)
        open[partition] = Open(end: bounds.high, next: first, progressAt: now)
      } catch {
        try tellFailure(partition, first, error)
      }
    }
  }

  private mutating func openConsumer() throws -> SimpleConsumer {
    if let consumer { return consumer }
    let consumer = try SimpleConsumer(
      configuration, topic: topic, settings: .readToEnd, callbacks: errors, logger: logger, destroyed: Completion())
    self.consumer = consumer
    return consumer
  }

  /// Takes what has come. Goes by position: control records and compaction leave holes, so that counting would never
  /// arrive.
  private mutating func step() throws {
    guard let consumer else { return }
    let bounds = open
    let batch = try consumer.poll(.milliseconds(20)) { partition, offset in offset < bounds[partition]?.end ?? 0 }
    for messages in batch.messagesByPartition {
      guard let partition = messages.first?.partition, let last = messages.last?.offset, open[partition] != nil
      else { continue }
      open[partition]?.next = last + 1
      open[partition]?.progressAt = .now
      if case .stop = try onProgress(.records(partition: partition, Array(messages))) { close(partition) }
    }
    for (partition, error) in batch.failures {
      guard let failed = open[partition] else { continue }
      close(partition)
      try tellFailure(partition, failed.next, error)
    }
    for (partition, state) in open {
      let position = batch.ends[partition] ?? consumer.position(of: partition) ?? 0
      guard position >= state.end else { continue }
      close(partition)
      _ = try onProgress(.end(partition: partition, offset: state.end))
    }
  }

  private mutating func close(_ partition: Int32) {
    open[partition] = nil
    consumer?.stop(partition)
  }

  /// Fails the partitions that made no progress for too long.
  private mutating func expire() throws {
    let now = ContinuousClock.now
    for (partition, state) in open where now - state.progressAt >= timeout {
      close(partition)
      try tellFailure(
        partition, state.next,
        KafkaError(
          code: .timedOut, message: "the end, offset \(state.end), was not reached: nothing came for \(timeout)",
          operation: "read \(topic)/\(partition)", isRetriable: true))
    }
    for (partition, state) in unplaced where now - startedAt >= timeout {
      unplaced[partition] = nil
      try tellFailure(
        partition, offsets[partition] ?? 0,
        state.error
          ?? KafkaError(
            code: .timedOut, message: "the end was not told in time", operation: "read \(topic)/\(partition)",
            isRetriable: true))
    }
  }

  private func tellFailure(_ partition: Int32, _ next: Int64, _ error: KafkaError) throws {
    _ = try onProgress(.failure(partition: partition, next: next, errors.explaining(error)))
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
