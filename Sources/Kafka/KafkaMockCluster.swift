import CRdkafka

/// librdkafka's embedded cluster: brokers within this process, for demonstrations and tests.
///
/// Knows groups and transactions only as far as a client needs to go through the motions: records of aborted
/// transactions can be seen, and offsets sent with a transaction are dropped. Has to be closed, or released, by its
/// owner after the clients that use it.
///
/// `@unchecked`: librdkafka's mock cluster takes its own locks; the pointers never change.
public final class KafkaMockCluster: @unchecked Sendable {
  /// Which request of Kafka's protocol.
  public struct RequestKind: RawRepresentable, Sendable, Hashable {
    /// The number in the protocol.
    public var rawValue: Int16

    /// The request with this number.
    public init(rawValue: Int16) { self.rawValue = rawValue }

    /// Writes records.
    public static let produce = Self(rawValue: 0)
    /// Reads records.
    public static let fetch = Self(rawValue: 1)
    /// Asks for the first or last offset.
    public static let listOffsets = Self(rawValue: 2)
    /// Asks for topics and brokers.
    public static let metadata = Self(rawValue: 3)
    /// Commits a group's offsets.
    public static let offsetCommit = Self(rawValue: 8)
    /// Reads a group's offsets.
    public static let offsetFetch = Self(rawValue: 9)
    /// Asks for a coordinator.
    public static let findCoordinator = Self(rawValue: 10)
    /// Joins a group.
    public static let joinGroup = Self(rawValue: 11)
    /// Tells a group that a member lives.
    public static let heartbeat = Self(rawValue: 12)
    /// Takes part in a group's assignment.
    public static let syncGroup = Self(rawValue: 14)
    /// Begins a producer's epoch.
    public static let initProducerID = Self(rawValue: 22)
    /// Adds partitions to a transaction.
    public static let addPartitionsToTransaction = Self(rawValue: 24)
    /// Adds a group's offsets to a transaction.
    public static let addOffsetsToTransaction = Self(rawValue: 25)
    /// Ends a transaction.
    public static let endTransaction = Self(rawValue: 26)
    /// Commits offsets within a transaction.
    public static let transactionalOffsetCommit = Self(rawValue: 28)
  }

  private let client: OpaquePointer
  private let cluster: OpaquePointer

  /// Where the brokers listen, for `KafkaClientConfiguration`.
  public let bootstrapServers: String

  /// Starts a cluster of the given number of brokers, numbered from 1, on free ports of the loopback interface.
  /// - Throws: `KafkaError` where the system gives no ports or threads.
  public init(brokers: Int) throws {
    let conf = rd_kafka_conf_new()
    rd_kafka_conf_set(conf, "client.id", "kafka-mock-cluster", nil, 0)
    rd_kafka_conf_set(conf, "log_level", "2", nil, 0)
    var text = [CChar](repeating: 0, count: 512)
    guard let client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, &text, text.count) else {
      rd_kafka_conf_destroy(conf)
      throw KafkaError(code: .invalidArgument, message: String(nulTerminated: text), operation: "mock cluster")
    }
    guard let cluster = rd_kafka_mock_cluster_new(client, Int32(clamping: brokers)) else {
      rd_kafka_destroy(client)
      throw KafkaError(code: .invalidArgument, message: "it could not be started", operation: "mock cluster")
    }
    self.client = client
    self.cluster = cluster
    bootstrapServers = rd_kafka_mock_cluster_bootstraps(cluster).map { String(cString: $0) } ?? ""
  }

  deinit {
    rd_kafka_mock_cluster_destroy(cluster)
    rd_kafka_destroy(client)
  }

  /// Creates a topic. Its partitions are spread over the brokers.
  public func createTopic(_ name: String, partitions: Int) throws {
    try check(rd_kafka_mock_topic_create(cluster, name, Int32(clamping: partitions), 1), "create topic \(name)")
  }

  /// Answers the next requests of a kind with these errors, one each, on whichever broker they come.
  public func pushRequestErrors(_ kind: RequestKind, _ codes: [KafkaError.Code]) {
    let errors = codes.map(\.librdkafka)
    rd_kafka_mock_push_request_errors_array(cluster, kind.rawValue, errors.count, errors)
  }

  /// Answers everything about a topic with an error; `none` ends that.
  public func setTopicError(_ topic: String, _ code: KafkaError.Code) {
    rd_kafka_mock_topic_set_error(cluster, topic, code.librdkafka)
  }

  /// Moves a group's coordinator to a broker.
  public func setCoordinator(group: String, broker: Int32) throws {
    try check(rd_kafka_mock_coordinator_set(cluster, "group", group, broker), "coordinator of \(group)")
  }

  /// Moves a transactional id's coordinator to a broker.
  public func setCoordinator(transactionalID: String, broker: Int32) throws {
    try check(
      rd_kafka_mock_coordinator_set(cluster, "transaction", transactionalID, broker),
      "coordinator of \(transactionalID)")
  }

  /// Moves a partition's leader to a broker; `nil` leaves it without one.
  public func setLeader(_ partition: KafkaTopicPartition, broker: Int32?) throws {
    try check(
      rd_kafka_mock_partition_set_leader(cluster, partition.topic, partition.partition, broker ?? -1),
      "leader of \(partition)")
  }

  /// Cuts a broker's connections and accepts no new ones.
  public func setBrokerDown(_ broker: Int32) throws {
    try check(rd_kafka_mock_broker_set_down(cluster, broker), "broker \(broker) down")
  }

  /// Lets a broker accept connections again.
  public func setBrokerUp(_ broker: Int32) throws {
    try check(rd_kafka_mock_broker_set_up(cluster, broker), "broker \(broker) up")
  }

  private func check(_ code: rd_kafka_resp_err_t, _ operation: String) throws {
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, operation: operation) }
  }
}
