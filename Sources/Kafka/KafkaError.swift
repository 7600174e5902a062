import CRdkafka

/// What went wrong in talking to Kafka, and what may be done about it.
///
/// The three flags are librdkafka's own judgement: a fatal error ends the client, a retriable one may pass when the
/// operation is tried again, and one that must abort leaves a transaction that can't be committed any more.
public struct KafkaError: Error, Sendable, CustomStringConvertible {
  /// The broker's or librdkafka's code.
  public var code: Code
  /// What happened, for people. Never holds a configuration value that may be a secret.
  public var message: String
  /// The operation that failed, in Kafka's words, such as `commit_transaction`.
  public var operation: String
  /// The client can't be used any more; only a new one helps.
  public var isFatal: Bool
  /// The same operation may succeed later.
  public var isRetriable: Bool
  /// The transaction was (or has to be) aborted; its content can be built into the next one.
  public var mustAbortTransaction: Bool
  /// The error behind this one, if there is one.
  public var cause: (any Error)?

  /// An error with the given parts.
  public init(
    code: Code, message: String, operation: String, isFatal: Bool = false, isRetriable: Bool = false,
    mustAbortTransaction: Bool = false, cause: (any Error)? = nil
  ) {
    self.code = code
    self.message = message
    self.operation = operation
    self.isFatal = isFatal
    self.isRetriable = isRetriable
    self.mustAbortTransaction = mustAbortTransaction
    self.cause = cause
  }

  /// Whether the same may succeed when it is tried again, without anybody's doing.
  public var mayPass: Bool { !isFatal && !code.needsAnOperator && (isRetriable || mustAbortTransaction) }

  /// One line: the operation, the message, the code's name, and what the error demands.
  public var description: String {
    var line = "\(operation): \(message) (\(code))"
    if isFatal { line += ", fatal" }
    if mustAbortTransaction { line += ", transaction aborted" }
    if isRetriable { line += ", retriable" }
    if let cause { line += "; because of \(cause)" }
    return line
  }
}

extension KafkaError {
  /// Takes over and frees an error object of librdkafka's.
  init(consuming error: OpaquePointer, operation: String) {
    self.init(
      code: Code(rd_kafka_error_code(error)),
      message: rd_kafka_error_string(error).map { String(cString: $0) } ?? "no reason given",
      operation: operation,
      isFatal: rd_kafka_error_is_fatal(error) != 0,
      isRetriable: rd_kafka_error_is_retriable(error) != 0,
      mustAbortTransaction: rd_kafka_error_txn_requires_abort(error) != 0)
    rd_kafka_error_destroy(error)
  }

  /// An error of which only the code is known.
  init(_ code: rd_kafka_resp_err_t, operation: String, message: String? = nil) {
    let code = Code(code)
    self.init(
      code: code, message: message ?? code.sentence, operation: operation,
      isFatal: code == .fatal, isRetriable: code.isTransient)
  }

  /// The reason for which a client gave up for good, if it did.
  init?(fatalErrorOf client: OpaquePointer, operation: String) {
    var text = [CChar](repeating: 0, count: 512)
    let code = rd_kafka_fatal_error(client, &text, text.count)
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
    self.init(code: Code(code), message: String(nulTerminated: text), operation: operation, isFatal: true)
  }

  static func closed(_ operation: String) -> KafkaError {
    KafkaError(code: .closed, message: "the client has been closed", operation: operation)
  }
}

extension KafkaError.Code {
  /// Codes that pass by themselves: elections, coordinators on the move, connections that come back.
  var isTransient: Bool {
    switch self {
    case .transport, .allBrokersDown, .timedOut, .requestTimedOut, .messageTimedOut, .waitingForCoordinator,
      .coordinatorNotAvailable, .notCoordinator, .coordinatorLoadInProgress, .notLeader, .leaderNotAvailable,
      .concurrentTransactions, .unstableOffsetCommit, .rebalanceInProgress, .queueFull, .resolve:
      true
    default: isUnknownPlace
    }
  }

  /// Somebody else has this producer's place. librdkafka calls some of them abortable, but nothing can follow.
  var isFencing: Bool {
    switch self {
    case .fenced, .producerFenced, .invalidProducerEpoch: true
    default: false
    }
  }

  /// The topic or partition is not known: passes only where it has just been made.
  var isUnknownPlace: Bool {
    switch self {
    case .unknownTopicOrPartition, .unknownTopic, .unknownPartition: true
    default: false
    }
  }
}

extension String {
  /// The text up to the first zero.
  init(nulTerminated characters: [CChar]) {
    self = characters.withUnsafeBufferPointer { buffer in
      String(decoding: buffer.prefix { $0 != 0 }.lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }
}

extension KafkaError {
  /// An error code: positive ones come from the broker, negative ones from librdkafka, those below -100000 from this
  /// module.
  public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The number, as in Kafka's protocol.
    public var rawValue: Int32

    /// The code with this number.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    init(_ code: rd_kafka_resp_err_t) { rawValue = code.rawValue }

    var librdkafka: rd_kafka_resp_err_t { rd_kafka_resp_err_t(rawValue) }

    /// librdkafka's name of the code, such as `TOPIC_AUTHORIZATION_FAILED`.
    public var name: String {
      if self == .positionBeyondEnd { return "POSITION_BEYOND_END" }
      return rd_kafka_err2name(librdkafka).map { String(cString: $0) } ?? "\(rawValue)"
    }

    /// librdkafka's sentence for the code.
    public var sentence: String { rd_kafka_err2str(librdkafka).map { String(cString: $0) } ?? "error \(rawValue)" }

    /// The name.
    public var description: String { name }
  }
}

extension KafkaError.Code {
  /// No error.
  public static let none = Self(RD_KAFKA_RESP_ERR_NO_ERROR)
  /// The connection to a broker failed or broke.
  public static let transport = Self(RD_KAFKA_RESP_ERR__TRANSPORT)
  /// No broker can be reached.
  public static let allBrokersDown = Self(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
  /// A broker's host name can't be resolved.
  public static let resolve = Self(RD_KAFKA_RESP_ERR__RESOLVE)
  /// The broker refused the credentials, or TLS could not be agreed.
  public static let authentication = Self(RD_KAFKA_RESP_ERR__AUTHENTICATION)
  /// TLS failed.
  public static let ssl = Self(RD_KAFKA_RESP_ERR__SSL)
  /// It took too long.
  public static let timedOut = Self(RD_KAFKA_RESP_ERR__TIMED_OUT)
  /// The broker took too long.
  public static let requestTimedOut = Self(RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT)
  /// A record was not delivered within `message.timeout.ms`.
  public static let messageTimedOut = Self(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT)
  /// An argument makes no sense.
  public static let invalidArgument = Self(RD_KAFKA_RESP_ERR__INVALID_ARG)
  /// The operation does not fit the client's state.
  public static let state = Self(RD_KAFKA_RESP_ERR__STATE)
  /// The client has been closed.
  public static let closed = Self(RD_KAFKA_RESP_ERR__DESTROY)
  /// The client met an error that it can't outlive.
  public static let fatal = Self(RD_KAFKA_RESP_ERR__FATAL)
  /// The local queue has no room for another record.
  public static let queueFull = Self(RD_KAFKA_RESP_ERR__QUEUE_FULL)
  /// A record was dropped because its transaction was aborted.
  public static let purgedFromQueue = Self(RD_KAFKA_RESP_ERR__PURGE_QUEUE)
  /// Another instance with the same transactional id took over.
  public static let producerFenced = Self(RD_KAFKA_RESP_ERR_PRODUCER_FENCED)
  /// librdkafka's own word for the same.
  public static let fenced = Self(RD_KAFKA_RESP_ERR__FENCED)
  /// The producer's epoch is older than the broker's: it was fenced, or its transaction timed out.
  public static let invalidProducerEpoch = Self(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH)
  /// Another member with the same `group.instance.id` took over.
  public static let fencedInstanceID = Self(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
  /// The group has moved on without this member.
  public static let illegalGeneration = Self(RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION)
  /// The group does not know this member.
  public static let unknownMember = Self(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID)
  /// The group is being rebalanced.
  public static let rebalanceInProgress = Self(RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS)
  /// A transaction on these offsets is still open.
  public static let unstableOffsetCommit = Self(RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT)
  /// The previous transaction is still being completed.
  public static let concurrentTransactions = Self(RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS)
  /// The coordinator is not known at the moment.
  public static let coordinatorNotAvailable = Self(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE)
  /// The coordinator is on another broker now.
  public static let notCoordinator = Self(RD_KAFKA_RESP_ERR_NOT_COORDINATOR)
  /// The coordinator is still reading its state.
  public static let coordinatorLoadInProgress = Self(RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS)
  /// librdkafka waits for the coordinator.
  public static let waitingForCoordinator = Self(RD_KAFKA_RESP_ERR__WAIT_COORD)
  /// The partition's leader is on another broker now.
  public static let notLeader = Self(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION)
  /// The partition has no leader at the moment.
  public static let leaderNotAvailable = Self(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
  /// The topic or partition does not exist (the broker's word).
  public static let unknownTopicOrPartition = Self(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
  /// The topic does not exist (librdkafka's word).
  public static let unknownTopic = Self(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
  /// The partition does not exist (librdkafka's word).
  public static let unknownPartition = Self(RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
  /// The topic exists already.
  public static let topicAlreadyExists = Self(RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
  /// The offset lies outside of what the partition holds.
  public static let offsetOutOfRange = Self(RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
  /// A group's position lies beyond the end of a log: what the log holds now may have been read before. This module's
  /// own code, outside of Kafka's numbers.
  public static let positionBeyondEnd = Self(rawValue: -100_001)
  /// The record is larger than allowed.
  public static let messageTooLarge = Self(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
  /// The consumer was not polled for longer than `max.poll.interval.ms`, and left the group.
  public static let pollIntervalExceeded = Self(RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED)
  /// Access to the topic was refused.
  public static let topicAuthorizationFailed = Self(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
  /// Access to the group was refused.
  public static let groupAuthorizationFailed = Self(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
  /// Use of the transactional id was refused.
  public static let transactionalIDAuthorizationFailed = Self(
    RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
  /// The operation on the cluster was refused.
  public static let clusterAuthorizationFailed = Self(RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)

  /// Whether somebody has to do something before the same attempt can succeed: grant access, or allow larger records.
  public var needsAnOperator: Bool {
    switch self {
    case .topicAuthorizationFailed, .groupAuthorizationFailed, .transactionalIDAuthorizationFailed,
      .clusterAuthorizationFailed, .messageTooLarge:
      true
    default: false
    }
  }
}
