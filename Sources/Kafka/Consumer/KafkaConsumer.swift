import CRdkafka
import Logging
import Synchronization

/// A member of a consumer group: reads the partitions that the group assigns to it and delivers their messages, in order
/// by partition.
///
/// One thread polls and calls the handler. Nothing is committed by itself. Partitions are assigned by `range`, eagerly:
/// at a rebalance all are given up and assigned anew. A committed offset beyond the end of a log is a fatal error with
/// the code `positionBeyondEnd`. Has to be closed by its owner.
public final class KafkaConsumer: Sendable {
  private let loop: ConsumerLoop
  private let offsets: GroupOffsets
  private let configuration: KafkaClientConfiguration
  private let settings: ClientSettings
  private let topics: [String]
  private let logger: Logger

  /// A consumer that has not started yet.
  /// - Parameters:
  ///   - groupInstanceID: names a static member, whose restart causes no rebalance; `nil` for a dynamic one.
  ///   - maxOutstanding: the credit of messages delivered and not acknowledged (`KafkaMessage.credit`) at which no more
  ///     are taken.
  public init(
    configuration: KafkaClientConfiguration, groupID: String, groupInstanceID: String?, topics: [String],
    handler: any KafkaConsumerHandler, logger: Logger, maxOutstanding: Int
  ) {
    precondition(maxOutstanding > 0, "a consumer that may hand over no message never gets anywhere")
    self.configuration = configuration
    self.topics = topics
    self.logger = logger
    settings = .groupMember(groupID: groupID, instanceID: groupInstanceID)
    loop = ConsumerLoop(
      configuration: configuration, handler: handler, maxOutstanding: maxOutstanding, logger: logger)
    offsets = GroupOffsets()
  }

  deinit {
    loop.stop(within: .zero)
  }

  /// Joins the group and starts the thread. May be called once.
  /// - Throws: `KafkaError` where the configuration or the subscription is refused.
  public func start() throws {
    let handle = try ClientHandle(
      .groupMember, configuration, settings: settings, callbacks: loop, logger: logger, destroyed: loop.destroyed)
    rd_kafka_poll_set_consumer(handle.pointer)
    let subscription = TopicPartitions(topics: topics)
    let code = rd_kafka_subscribe(handle.pointer, subscription.pointer)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, operation: "subscribe") }
    loop.start(handle, topics: topics)
  }

  /// Lets messages come from partitions that were held since their assignment or by `pause`. Others are left alone, and
  /// nothing happens where the assignment has ended.
  public func resume(_ partitions: some Sequence<KafkaTopicPartition>, under assignment: KafkaAssignmentID) {
    loop.request { $0.changes.append(.resume(Array(partitions), under: assignment)) }
  }

  /// Holds partitions until `resume`. What was taken from the broker already is read again then, none of it twice.
  /// Nothing happens where the assignment has ended.
  public func pause(_ partitions: some Sequence<KafkaTopicPartition>, under assignment: KafkaAssignmentID) {
    loop.request { $0.changes.append(.pause(Array(partitions), under: assignment)) }
  }

  /// Gives credit back, so that more messages can be delivered: the sum of `KafkaMessage.credit` of those that are done.
  public func acknowledge(_ credit: Int) {
    loop.acknowledge(credit)
  }

  /// The credit of the messages delivered and not acknowledged.
  public var outstanding: Int { loop.outstanding }

  /// Commits positions for the group: for each partition the next offset to be read.
  ///
  /// A commit that has begun holds up the end of its assignment (for ten seconds at most), so that it does not reach the
  /// broker in the name of a later one.
  /// - Throws: `KafkaError`; with the code `state` where the assignment has ended, and then nothing is committed.
  public func commit(_ offsets: [KafkaTopicPartition: Int64], under assignment: KafkaAssignmentID) async throws {
    guard !offsets.isEmpty else { return }
    let handle = try loop.handle(for: "commit")
    try await self.offsets.commit(offsets, through: handle, under: assignment, of: loop)
  }

  /// Runs `body` while the assignment lasts: its end waits for it, within a bound, so that what `body` writes is written
  /// before the partitions are somebody else's.
  /// - Throws: `KafkaError` where the assignment has ended already; what `body` throws.
  public func holding<Result: Sendable>(
    _ assignment: KafkaAssignmentID, _ body: () async throws -> Result
  ) async throws -> Result {
    try loop.requests.withLock { requests in
      try requests.assignments.check(assignment, for: "hold")
      requests.assignments.commitsInProgress += 1
    }
    defer { loop.requests.update { $0.assignments.commitsInProgress -= 1 } }
    return try await body()
  }

  /// The group's committed offsets, stable ones only; `nil` where there is none.
  public func committed(
    _ partitions: [KafkaTopicPartition], timeout: Duration = .seconds(10)
  ) async throws -> [KafkaTopicPartition: Int64?] {
    guard !partitions.isEmpty else { return [:] }
    return try await offsets.committed(partitions, timeout: timeout, through: loop.handle(for: "committed"))
  }

  /// How many offsets each assigned partition is behind its end, by what the last fetches told. A partition of which
  /// nothing was fetched yet is left out.
  public var lag: [KafkaTopicPartition: Int64] { loop.lag() }

  /// Leaves the group (a static member keeps its place for the session's time) and ends the thread.
  /// - Returns: false where that took longer than the timeout; the rest is then left to itself.
  @discardableResult
  public func close(timeout: Duration) async -> Bool {
    loop.stop(within: timeout)
    guard loop.hasStarted else { return true }
    return await loop.destroyed.wait(upTo: timeout + .milliseconds(500))
  }

  /// What a producer needs to move this group's position within a transaction.
  /// - Parameter assignment: the one under which the offsets were read.
  func groupMetadata(under assignment: KafkaAssignmentID) throws -> GroupMetadata {
    let operation = "consumer_group_metadata"
    let handle = try loop.handle(for: operation)
    guard let pointer = rd_kafka_consumer_group_metadata(handle.pointer) else {
      throw KafkaError(code: .unknownMember, message: "the consumer is no member of its group", operation: operation)
    }
    let metadata = GroupMetadata(pointer)
    // An assignment ends before the group's generation can change, so metadata of a later one never passes.
    try checkAssignment(assignment, for: operation)
    return metadata
  }

  /// - Throws: `KafkaError` with `mustAbortTransaction` where the assignment has ended.
  func checkAssignment(_ assignment: KafkaAssignmentID, for operation: String) throws {
    do {
      try loop.requests.withLock { try $0.assignments.check(assignment, for: operation) }
    } catch var error as KafkaError {
      error.mustAbortTransaction = true
      throw error
    }
  }
}

/// Commits and reads a group's offsets on a thread of its own: the calls block, and the polling thread may itself be
/// waiting for one of them in the handler.
private actor GroupOffsets {
  private nonisolated let executor = DedicatedThreadExecutor(name: "kafka-offsets")

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  func commit(
    _ offsets: [KafkaTopicPartition: Int64], through handle: ClientHandle, under assignment: KafkaAssignmentID,
    of loop: ConsumerLoop
  ) throws {
    try loop.requests.withLock { requests in
      try requests.assignments.check(assignment, for: "commit")
      requests.assignments.commitsInProgress += 1
    }
    defer { loop.requests.update { $0.assignments.commitsInProgress -= 1 } }
    let list = TopicPartitions(offsets)
    let code = rd_kafka_commit(handle.pointer, list.pointer, 0)
    if let failed = list.firstError {
      throw KafkaError(failed.code, operation: "commit \(failed.partition)")
    }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, operation: "commit") }
  }

  func committed(
    _ partitions: [KafkaTopicPartition], timeout: Duration, through handle: ClientHandle
  ) throws -> [KafkaTopicPartition: Int64?] {
    try committedOffsets(partitions, timeout: timeout, of: handle.pointer)
  }
}

/// Owns librdkafka's description of a group's member.
final class GroupMetadata {
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { self.pointer = pointer }

  deinit { rd_kafka_consumer_group_metadata_destroy(pointer) }
}

extension ClientSettings {
  fileprivate static func groupMember(groupID: String, instanceID: String?) -> ClientSettings {
    var settings = ClientSettings(
      defaults: [
        "session.timeout.ms": "15000",
        "fetch.wait.max.ms": "50",
        "fetch.error.backoff.ms": "20",
        // A coordinator on the move, offsets that are not stable yet: asked again soon.
        "retry.backoff.ms": "20",
        "queued.min.messages": "5000",
        "queued.max.messages.kbytes": "16384",
        "topic.metadata.refresh.interval.ms": "10000",
      ].merging(KafkaLibrary.promptFetching) { $1 },
      fixed: [
        "group.id": groupID,
        "enable.auto.commit": "false",
        "enable.auto.offset.store": "false",
        "enable.partition.eof": "false",
        // An offset outside of the log is an error here, which the loop looks into.
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "range",
      ])
    settings.fixed["group.instance.id"] = instanceID
    return settings
  }
}

/// Names one assignment of partitions by the group to this member: no other assignment of the same consumer, before or
/// after it, has the same.
///
/// Whatever is done for partitions (resuming them, committing their offsets) names the assignment under which they were
/// given, and is refused once that one has ended.
public struct KafkaAssignmentID: Hashable, Sendable, CustomStringConvertible {
  /// At least 1; a later assignment has a larger number.
  public let rawValue: UInt64

  /// The assignment with this number, which is at least 1.
  public init(rawValue: UInt64) {
    precondition(rawValue >= 1, "assignments are counted from 1")
    self.rawValue = rawValue
  }

  /// The number, for logs.
  public var description: String { "\(rawValue)" }
}

/// A partition given to this member of the group.
public struct KafkaAssignment: Hashable, Sendable {
  /// The partition.
  public var partition: KafkaTopicPartition
  /// The first offset that will be read: the group's committed one, stable (no transaction on it is open), or the log's
  /// start where that one was deleted; `nil` where the group has none yet: the log is then read from its start.
  public var startOffset: Int64?
  /// The log's end when the partition was assigned: what stands before it may have been read by an earlier owner. `nil`
  /// where it is not known.
  public var logEnd: Int64?

  /// An assignment of a partition.
  public init(partition: KafkaTopicPartition, startOffset: Int64?, logEnd: Int64? = nil) {
    self.partition = partition
    self.startOffset = startOffset
    self.logEnd = logEnd
  }
}

/// Hears what a consumer reads and what the group decides. Every method is called on the consumer's own thread, one at
/// a time, and holds up everything else on it while it runs.
///
/// An assignment begins with `assigned` and ends with `revoked` or `lost`; the next one begins after that. An assignment
/// without partitions ends without a call.
public protocol KafkaConsumerHandler: Sendable {
  /// Messages, in order within each partition. The credit of each has to be acknowledged once, whatever becomes of its
  /// partition.
  /// - Parameter assignment: the present assignment, of which the messages' partitions are part.
  func received(_ messages: [KafkaMessage], under assignment: KafkaAssignmentID)
  /// Partitions were given to this member. They are held: nothing comes from them until `KafkaConsumer.resume`.
  /// - Parameter partitions: all partitions that this member has now; empty where the group has none for it.
  func assigned(_ partitions: [KafkaAssignment], under assignment: KafkaAssignmentID)
  /// Partitions are about to be given up; they belong to this member, and offsets can be committed for them, until the
  /// method returns.
  /// - Parameter partitions: all partitions of the assignment.
  func revoked(_ partitions: [KafkaTopicPartition], under assignment: KafkaAssignmentID)
  /// Partitions belong to somebody else already: the session expired, or another instance took this one's place.
  /// - Parameter partitions: all partitions of the assignment.
  func lost(_ partitions: [KafkaTopicPartition], under assignment: KafkaAssignmentID)
  /// Something went wrong. After a fatal error nothing more will be read; others are told and retried.
  func failed(_ error: KafkaError)
}
