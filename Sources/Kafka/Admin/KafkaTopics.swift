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

  /// A description.
  public init(name: String, partitions: Int?) {
    self.name = name
    self.partitions = partitions
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
