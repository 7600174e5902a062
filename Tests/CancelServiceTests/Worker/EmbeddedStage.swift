import CancelAPI
import CancelContract
import CancelService
import EToroSimulator
import Kafka
import Logging
import ServiceLifecycle

/// An embedded cluster, a simulated API, and workers in the test's own process.
final class EmbeddedStage: Sendable {
  static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

  let cluster: KafkaMockCluster
  let kafka: KafkaClientConfiguration
  let topics = TopicNames()
  let simulator: EToroSimulator
  let events = WorkerEvents()
  private let apiPort: Int
  private let producer: KafkaProducer

  /// - Parameter resultsBroker: the broker that leads the results topic; 1 leads everything else.
  init(delay: Duration = .zero, resultsBroker: Int32 = 1) async throws {
    cluster = try KafkaMockCluster(brokers: Int(resultsBroker))
    for topic in topics.all {
      try cluster.createTopic(topic, partitions: 4)
      for partition in 0..<4 where resultsBroker > 1 {
        try cluster.setLeader(
          KafkaTopicPartition(topic: topic, partition: Int32(partition)),
          broker: topic == topics.results ? resultsBroker : 1)
      }
    }
    if resultsBroker > 1 { try cluster.setCoordinator(group: "cancel-worker", broker: 1) }
    kafka = KafkaClientConfiguration(
      bootstrapServers: cluster.bootstrapServers, clientID: "test",
      properties: ["session.timeout.ms": "6000", "transaction.timeout.ms": "5000"])
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    simulation.faults.delay = delay
    simulator = EToroSimulator(configuration: simulation)
    apiPort = try await simulator.start()
    producer = try KafkaProducer(configuration: kafka, transactionalID: nil, logger: EmbeddedStage.logger)
  }

  /// Starts a worker.
  func worker(
    _ name: String, guarantee: WorkerSetup.DeliveryGuarantee, drainTimeout: Duration = .seconds(10)
  ) throws -> EmbeddedWorker {
    let account = try Account(
      name: "default", environment: .demo, credential: .keyPair(apiKey: Secret("k"), userKey: Secret("u")))
    var setup = WorkerSetup(kafka: kafka, instanceID: name, accounts: Accounts([account]))
    setup.api.baseURL = "http://127.0.0.1:\(apiPort)"
    setup.guarantee = guarantee
    setup.drainTimeout = drainTimeout
    // The embedded broker can't tell about topics' settings.
    setup.checksTopics = false
    setup.policy.quotaCalls = 0
    return try EmbeddedWorker(setup: setup, observer: events.observer(name))
  }

  /// Publishes a request for each of these orders, keyed by it.
  func send(_ orders: Range<Int>) async throws {
    try await producer.publish(
      orders.map { order in
        KafkaRecord(topic: topics.requests, key: Array("\(order)".utf8), value: Array("{\"orderId\":\(order)}".utf8))
      })
  }

  func clear() async {
    await producer.close(timeout: .seconds(5))
    await simulator.stop()
  }
}

/// A worker in the test's own process.
struct EmbeddedWorker {
  private let group: ServiceGroup
  private let running: Task<Void, any Error>

  init(setup: WorkerSetup, observer: any WorkerObserver) throws {
    let worker = try CancelWorkerService(
      setup: setup, client: setup.api, observers: [observer], logger: EmbeddedStage.logger)
    let group = ServiceGroup(
      configuration: .init(
        services: [.init(service: worker, failureTerminationBehavior: .gracefullyShutdownGroup)],
        logger: EmbeddedStage.logger))
    self.group = group
    running = Task { try await group.run() }
  }

  /// Stops it gracefully.
  func stop() async throws {
    await group.triggerGracefulShutdown()
    try await running.value
  }

  /// Waits until it ends by itself.
  func failure() async -> (any Error)? {
    do {
      try await running.value
      return nil
    } catch {
      return error
    }
  }
}
