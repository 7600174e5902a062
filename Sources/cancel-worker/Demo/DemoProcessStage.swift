import CancelContract
import CancelService
import EToroSimulator
import Foundation
import Kafka
import Operations

/// A demo's stage on a broker that runs elsewhere: topics of its own, and the worker in a process of its own.
struct DemoProcessStage {
  let stage: DemoStage
  let worker: KillableWorker
  private let topics: TopicNames
  private let folder: URL

  /// Creates the topics and starts the API and the worker.
  ///
  /// - Parameters:
  ///   - broker: the broker's address, `host:port`.
  ///   - settings: environment variables of the worker.
  init(
    broker: String, accounts: [AccountName], simulation: SimulatorConfiguration, settings: [String: String]
  ) async throws {
    let name = "cancel-worker-demo-\(UUID().uuidString.prefix(8).lowercased())"
    let kafka = KafkaClientConfiguration(bootstrapServers: broker, clientID: "demo")
    topics = TopicNames(prefix: name)
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(name)
    try await Self.create(topics, on: kafka)
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let simulator = EToroSimulator(configuration: simulation)
    let port = try await simulator.start()
    let members = accounts.map {
      "\"\($0)\":{\"environment\":\"demo\",\"apiKey\":\"demo-api-key\",\"userKey\":\"\(DemoStage.userKey(of: $0))\"}"
    }
    let file = folder.appendingPathComponent("accounts.json")
    try "{\"accounts\":{\(members.joined(separator: ","))}}".write(to: file, atomically: true, encoding: .utf8)
    let own = [
      "KAFKA_BOOTSTRAP_SERVERS": broker, "CONSUMER_GROUP_ID": name, "WORKER_INSTANCE_ID": name,
      "TOPICS_REQUESTS": topics.requests, "TOPICS_RESULTS": topics.results, "TOPICS_LEDGER": topics.ledger,
      "TOPICS_DEAD_LETTERS": topics.deadLetters, "TOPICS_PROGRESS": topics.progress,
      "TOPICS_CAMPAIGNS": topics.campaigns, "TOPICS_CONFIRMATIONS": topics.confirmations,
      "TOPICS_CONTROL": topics.control,
      "API_BASE_URL": "http://127.0.0.1:\(port)", "ACCOUNTS_FILE": file.path,
      "ACCOUNTS_DEFAULT": accounts.first.map { "\($0)" } ?? "default",
    ]
    worker = try KillableWorker(
      environment: settings.merging(own) { _, own in own }, log: folder.appendingPathComponent("worker.log"))
    stage = DemoStage.onBroker(kafka, topics: topics, simulator: simulator, worker: worker)
  }

  /// Deletes the topics and what was written. The worker has ended.
  func clear() async {
    try? FileManager.default.removeItem(at: folder)
    guard let admin = try? KafkaAdmin(configuration: stage.kafka, logger: CommandLog.quiet) else { return }
    do {
      let left = try await admin.deleteTopics(topics.all, timeout: .seconds(10)).filter { $0.error != nil }
      if !left.isEmpty { StandardError.write("demo: left behind: \(left.map(\.name).joined(separator: ", "))\n") }
    } catch {
      StandardError.write("demo: its topics are left behind: \(error)\n")
    }
    await admin.close(timeout: .seconds(5))
  }

  private static func create(_ topics: TopicNames, on kafka: KafkaClientConfiguration) async throws {
    let admin = try KafkaAdmin(configuration: kafka, logger: CommandLog.quiet)
    do {
      let outcomes = try await admin.createTopics(
        TopicLayout(topics).specifications(partitions: 4, replicationFactor: 1), timeout: .seconds(10))
      if let failed = outcomes.first(where: { $0.error != nil }), let error = failed.error {
        throw CommandFailure(.unavailable, "demo: the topic \(failed.name) could not be created: \(error.message)")
      }
    } catch {
      await admin.close(timeout: .seconds(5))
      throw error
    }
    await admin.close(timeout: .seconds(5))
  }
}
