import CancelAPI
import CancelContract
import CancelService
import EToroSimulator
import Foundation
import Kafka
import Logging
import Operations
import ServiceLifecycle

/// What every demo plays on: an embedded broker with the worker's topics, a simulated API, and the worker.
final class DemoStage: Sendable {
  let cluster: KafkaMockCluster
  let simulator: EToroSimulator
  let kafka: KafkaClientConfiguration
  let topics = TopicNames()
  private let group: ServiceGroup
  private let running: Task<Void, any Error>

  /// Sets the stage and waits until the worker is ready.
  init(
    accounts: [AccountName], simulation: SimulatorConfiguration, adminPort: Int?,
    configure: (inout WorkerSetup) -> Void
  ) async throws {
    let logger = CommandLog.quiet
    cluster = try KafkaMockCluster(brokers: 1)
    for topic in topics.all { try cluster.createTopic(topic, partitions: 4) }
    kafka = KafkaClientConfiguration(bootstrapServers: cluster.bootstrapServers, clientID: "demo")
    simulator = EToroSimulator(configuration: simulation)
    let port = try await simulator.start()
    var setup = WorkerSetup(
      kafka: kafka, instanceID: "demo",
      accounts: Accounts(
        try accounts.map { name in
          try Account(
            name: name, environment: .demo,
            credential: .keyPair(apiKey: Secret("demo-api-key"), userKey: Secret("demo-user-key-\(name)")))
        }))
    setup.api.baseURL = "http://127.0.0.1:\(port)"
    setup.api.connections = 64
    if let first = accounts.first { setup.defaultAccount = first }
    // The embedded broker can't tell about topics' settings.
    setup.checksTopics = false
    configure(&setup)
    var configuration = WorkerConfiguration()
    configuration.admin.port = adminPort ?? 0
    let surface = OperatorSurface(configuration, setup: setup, logger: logger)
    let worker = try CancelWorkerService(
      setup: setup, client: setup.api, observers: surface.observers, logger: logger)
    surface.watch(worker)
    var services: [any Service] = [worker]
    if adminPort != nil { services.append(surface.server(logger: logger)) }
    group = ServiceGroup(
      configuration: .init(
        services: services.map { .init(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup) },
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    running = Task { [group] in try await group.run() }
    await worker.readiness.waitUntilReady()
  }

  /// Stops the worker gracefully, then the API.
  func clear() async throws {
    await group.triggerGracefulShutdown()
    try await running.value
    await simulator.stop()
  }
}
