import Kafka
import Logging

/// What the topics must look like: the ledger and the campaigns lie partition by partition beside the requests, and are
/// compacted.
public struct TopicLayout: Sendable {
  private let names: TopicNames

  /// The layout of these topics.
  public init(_ names: TopicNames) {
    self.names = names
  }

  /// All topics with their settings, for `topics create`.
  public func specifications(partitions: Int, replicationFactor: Int) -> [KafkaTopicSpecification] {
    let plain = [names.requests, names.results, names.deadLetters, names.progress, names.confirmations].map {
      KafkaTopicSpecification(
        name: $0, partitions: partitions, replicationFactor: replicationFactor)
    }
    let compacted = [names.ledger, names.campaigns].map {
      KafkaTopicSpecification(
        name: $0, partitions: partitions, replicationFactor: replicationFactor,
        configuration: ["cleanup.policy": "compact"])
    }
    let control = KafkaTopicSpecification(
      name: names.control, partitions: 1, replicationFactor: replicationFactor,
      configuration: ["cleanup.policy": "compact"])
    return plain + compacted + [control]
  }

  /// What is wrong with the topics as they are; empty for nothing.
  ///
  /// - Throws: `KafkaError` where the broker can't be asked.
  public func faults(_ admin: KafkaAdmin) async throws -> [TopicFault] {
    let topics = try await partitions(admin)
    var faults: [TopicFault] = []
    let needed = names.all.filter { $0 != names.progress }
    for name in needed where topics[name] == nil { faults.append(TopicFault(topic: name, kind: .missing)) }
    if topics[names.progress] == nil { faults.append(TopicFault(topic: names.progress, kind: .progressMissing)) }
    for name in [names.ledger, names.campaigns, names.control] {
      guard let requests = topics[names.requests], let own = topics[name] else { continue }
      if name != names.control, requests != own {
        faults.append(TopicFault(topic: name, kind: .partitions(has: own, needs: requests)))
      }
      let policy = try await admin.topicConfiguration(name)["cleanup.policy"] ?? ""
      if policy != "compact" { faults.append(TopicFault(topic: name, kind: .notCompacted(policy))) }
    }
    return faults
  }

  /// The number of partitions of each of the topics that exist.
  ///
  /// - Throws: `KafkaError` where the broker can't be asked.
  public func partitions(_ admin: KafkaAdmin) async throws -> [String: Int] {
    let described = try await admin.describeTopics(names.all, timeout: .seconds(5))
    return Dictionary(uniqueKeysWithValues: described.compactMap { topic in topic.partitions.map { (topic.name, $0) } })
  }

  func check(_ configuration: KafkaClientConfiguration, logger: Logger) async throws {
    let admin = try KafkaAdmin(configuration: configuration, logger: logger)
    let found: [TopicFault]
    do {
      found = try await faults(admin)
    } catch {
      await admin.close(timeout: .seconds(5))
      throw error
    }
    await admin.close(timeout: .seconds(5))
    for fault in found where !fault.kind.endsWorker {
      logger.warning("topic", metadata: ["topic": "\(fault.topic)", "fault": "\(fault)"])
    }
    let fatal = found.filter(\.kind.endsWorker)
    if !fatal.isEmpty { throw TopicsUnfit(faults: fatal) }
  }
}

/// One thing that is wrong with a topic.
public struct TopicFault: Hashable, Sendable, CustomStringConvertible {
  /// What can be wrong.
  public enum Kind: Hashable, Sendable {
    /// There is no such topic.
    case missing
    /// There is no progress topic, which harms nothing.
    case progressMissing
    /// It has another number of partitions than the requests.
    case partitions(has: Int, needs: Int)
    /// Its records would be deleted by age or size.
    case notCompacted(String)

    /// Whether a worker refuses to start while it is so.
    public var endsWorker: Bool { self != .progressMissing }
  }

  /// The topic.
  public var topic: String
  /// What is wrong with it.
  public var kind: Kind

  /// What is wrong, and the fix.
  public var description: String {
    switch kind {
    case .missing:
      "the topic '\(topic)' does not exist: create it, for example with 'cancel-worker topics create'"
    case .progressMissing:
      "the topic '\(topic)' does not exist: no progress events are published until it does"
    case .partitions(let has, let needs):
      "the topic '\(topic)' has \(has) partitions and the requests have \(needs): give it as many"
    case .notCompacted(let policy):
      "the topic '\(topic)' has cleanup.policy '\(policy)': set it to 'compact', or orders' states are lost"
    }
  }
}

/// Topics with which the worker can't keep its promises.
public struct TopicsUnfit: Error, CustomStringConvertible {
  /// What is wrong.
  public var faults: [TopicFault]

  /// Whether there is no more to it than topics that are missing, as they seem to be for a moment once created.
  var mayBeYoung: Bool { faults.allSatisfy { $0.kind == .missing } }

  /// Every fault.
  public var description: String { faults.map(\.description).joined(separator: "; ") }
}

/// The topics that the worker reads and writes.
public struct TopicNames: Sendable, Hashable {
  /// Cancel requests in.
  public var requests = "order-cancel.requests"
  /// One result per request out.
  public var results = "order-cancel.results"
  /// Order states, compacted; as many partitions as `requests`.
  public var ledger = "order-cancel.ledger"
  /// Messages that could not be taken as requests.
  public var deadLetters = "order-cancel.dead-letters"
  /// Notices of long waits.
  public var progress = "order-cancel.progress"

  /// How campaigns stand, compacted; as many partitions as `requests`.
  public var campaigns = "order-cancel.campaigns"
  /// What became of orders whose cancel was accepted.
  public var confirmations = "order-cancel.confirmations"

  /// What operators hold back, compacted.
  public var control = "order-cancel.control"

  /// All of them, in the order of a request's way.
  public var all: [String] {
    [requests, results, ledger, deadLetters, progress, campaigns, confirmations, control]
  }

  /// The default names.
  public init() {}

  /// The default names with another beginning than `order-cancel`, for a demo, a benchmark or a test of its own.
  package init(prefix: String) {
    for name in [
      \TopicNames.requests, \.results, \.ledger, \.deadLetters, \.progress, \.campaigns, \.confirmations, \.control,
    ] { self[keyPath: name] = prefix + self[keyPath: name].dropFirst("order-cancel".count) }
  }
}
