import CRdkafka

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
