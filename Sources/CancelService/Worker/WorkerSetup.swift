import CancelAPI
import CancelContract
import CancelCore
import Kafka

/// All that a worker needs to be told, checked and resolved.
public struct WorkerSetup: Sendable {
  /// How results reach their topic.
  public enum DeliveryGuarantee: Sendable {
    /// Results, states and position in one transaction.
    case exactlyOnce
    /// Results and states are flushed, then the position is committed: after a crash some results come again.
    case atLeastOnce
  }

  /// How Kafka is reached.
  public var kafka: KafkaClientConfiguration
  /// The consumer group.
  public var groupID = "cancel-worker"
  /// Names the static group member and the transactional id; no two running workers share it.
  public var instanceID: String
  /// The topics.
  public var topics = TopicNames()
  /// How results reach their topic.
  public var guarantee = DeliveryGuarantee.exactlyOnce
  /// The rules of the decisions.
  public var policy = CancelPolicy()
  /// The accounts at the start.
  public var accounts: Accounts
  /// Stands for requests that name no account.
  public var defaultAccount: AccountName = "default"
  /// How the API is reached.
  public var api = CancelClientConfiguration()
  /// Open requests beyond which no more are read.
  public var maxPending = 100_000
  /// How long a stop, or giving partitions up, waits for calls in flight.
  public var drainTimeout = Duration.seconds(10)
  /// Request headers that results repeat, besides `correlation-id` and the trace context.
  public var echoedHeaders: Set<String> = []
  /// The largest request that is read, in bytes.
  public var maximumRequestBytes = 1 << 20
  /// Whether the topics are checked before anything is read; a broker that can't tell about them has them unchecked.
  public var checksTopics = true
  /// The worker's version, for results and metrics.
  public var version = WorkerVersion.current

  /// A worker with these accounts, the defaults besides.
  public init(kafka: KafkaClientConfiguration, instanceID: String, accounts: Accounts) {
    self.kafka = kafka
    self.instanceID = instanceID
    self.accounts = accounts
  }

  /// The producer's transactional id: the same for each start of this instance, so that a successor fences it.
  public var transactionalID: String { "\(groupID)-\(instanceID)" }

  /// What the worker's decisions need of it.
  var workerSettings: Worker.Settings {
    var settings = Worker.Settings()
    settings.policy = policy
    settings.defaultAccount = defaultAccount
    settings.maxPending = maxPending
    settings.drainTimeout = drainTimeout
    return settings
  }

  /// `ce_source` of the events.
  public var eventSource: String { "/cancel-worker/\(groupID)" }
}

/// The version of this build.
public enum WorkerVersion {
  /// As it stands in results, in the `user-agent` and in metrics.
  public static let current = "0.2.0"
}

/// A clock of the worker.
protocol WorkerClock: Sendable {
  /// The present time, with the steps that led to it.
  var reading: SteadyClock.Reading { get }
  /// How far the system's wall clock is ahead of this one.
  var difference: Duration { get }
}

extension WorkerClock {
  /// The present time.
  var now: Timestamp { reading.time }
}

extension SteadyClock: WorkerClock {}

/// Where requests come from.
protocol RequestSource: Sendable {
  /// Lets requests of these partitions come, where they are still assigned under this number.
  func resume(_ partitions: [Int32], number: UInt64)
  /// Gives credit back that came with messages.
  func acknowledge(_ credit: Int)
  /// Commits positions for the group, where its assignment still has this number.
  func commit(_ positions: [Int32: Int64], number: UInt64) async throws
  /// How many requests of each partition were not read yet, where known.
  var lagByPartition: [Int32: Int64] { get }
}

/// Reads the ledger topic.
protocol LedgerReader: Sendable {
  /// Reads a partition from an offset to its end, and hands the records over in order.
  ///
  /// - Throws: `KafkaError`, or what `onRecords` throws.
  func read(
    _ partition: Int32, from offset: Int64, onRecords: @escaping @Sendable ([KafkaMessage]) throws -> Void) async throws
  /// The offsets behind the newest records of these partitions.
  func ends(of partitions: [Int32]) async throws -> [Int32: Int64]
}
