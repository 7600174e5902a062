/// A topic to be created.
public struct KafkaTopicSpecification: Sendable, Hashable {
  /// The topic's name.
  public var name: String
  /// The number of partitions.
  public var partitions: Int
  /// How many brokers keep each partition; -1 takes the cluster's default.
  public var replicationFactor: Int
  /// The topic's configuration, such as `cleanup.policy`: `compact`.
  public var configuration: [String: String]

  /// A topic with the given properties.
  public init(name: String, partitions: Int, replicationFactor: Int = -1, configuration: [String: String] = [:]) {
    self.name = name
    self.partitions = partitions
    self.replicationFactor = replicationFactor
    self.configuration = configuration
  }
}

/// What became of one topic in an operation on several.
public struct KafkaTopicOutcome: Sendable {
  /// The topic's name.
  public var name: String
  /// Why it failed; `nil` where it succeeded.
  public var error: KafkaError?

  /// An outcome.
  public init(name: String, error: KafkaError? = nil) {
    self.name = name
    self.error = error
  }
}

/// A topic as the cluster has it.
public struct KafkaTopicDescription: Sendable, Hashable {
  /// The topic's name.
  public var name: String
  /// The number of partitions; `nil` where there is no such topic, or none that these credentials may see.
  public var partitions: Int?
  /// How many brokers keep each partition: the least of all partitions.
  public var replicas: Int
  /// How many of these have all of it: the least of all partitions.
  public var inSyncReplicas: Int
  /// The partitions that have no leader, and can't be read or written.
  public var leaderless: Int

  /// A description.
  public init(name: String, partitions: Int?, replicas: Int = 0, inSyncReplicas: Int = 0, leaderless: Int = 0) {
    self.name = name
    self.partitions = partitions
    self.replicas = replicas
    self.inSyncReplicas = inSyncReplicas
    self.leaderless = leaderless
  }
}

/// A consumer group as its coordinator knows it.
public struct KafkaGroupDescription: Sendable, Hashable {
  /// The state in Kafka's words, such as `Stable`, `Empty` or `Dead`.
  public var state: String
  /// The members.
  public var memberList: [Member] = []
  /// The number of members.
  public var members: Int

  /// One member, as it told the coordinator.
  public struct Member: Sendable, Hashable {
    /// Its `client.id`.
    public var clientID: String
    /// Where it connects from, as the broker sees it.
    public var host: String
    /// What it has; empty while the group decides.
    public var partitions: [KafkaTopicPartition]

    /// A member with these partitions.
    public init(clientID: String, host: String, partitions: [KafkaTopicPartition]) {
      self.clientID = clientID
      self.host = host
      self.partitions = partitions
    }
  }
}

/// The brokers that answered.
public struct KafkaClusterDescription: Sendable, Hashable {
  /// One broker.
  public struct Broker: Sendable, Hashable {
    /// The broker's number.
    public var id: Int32
    /// Where it says that it can be reached, `host:port`.
    public var address: String
  }

  /// The brokers by their numbers.
  public var brokers: [Broker]
  /// The name of the cluster, where the brokers tell one.
  public var clusterID: String?
}
