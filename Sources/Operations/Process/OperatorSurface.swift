import CancelAPI
import CancelContract
import CancelService
import Logging
import ServiceLifecycle
import Synchronization

/// What operators see of the worker: its metrics, its health, its live page, its log.
public struct OperatorSurface: Sendable {
  /// To be told of the worker's work.
  public let observers: [any WorkerObserver]
  private let configuration: AdminConfiguration
  private let registry: PrometheusRegistry
  private let requestLog: RequestLog
  private let feed = LiveFeed()
  private let worker = WatchedWorker()
  private let initial: WorkerSnapshot
  private let connections: AdminSources.Connections
  private let environments: AccountEnvironments
  private let clock = SteadyClock()
  private let started: SteadyClock.Reading

  /// The surface of a worker that is still to be made.
  public init(_ configuration: WorkerConfiguration, setup: WorkerSetup, logger: Logger) {
    var admin = AdminConfiguration()
    admin.host = configuration.admin.host
    admin.port = configuration.admin.port
    admin.allowedHosts = configuration.admin.allowedHosts
    admin.accountLabels = configuration.metrics.accountLabels
    self.configuration = admin
    registry = PrometheusRegistry.forWorker()
    environments = AccountEnvironments(setup.accounts)
    requestLog = RequestLog(logger: logger)
    let started = clock.reading
    let now = started.time
    var initial = WorkerSnapshot(
      takenAt: now, startedAt: now, version: setup.version, instance: setup.instanceID, state: .starting)
    initial.backlog = .unknown
    initial.notReady = [.init(Readiness.Missing.broker.rawValue, Readiness.Missing.broker.sentence)]
    self.initial = initial
    self.started = started
    connections = AdminSources.Connections(
      api: (try? setup.api.validated()).map { "\($0.host):\($0.port)" } ?? setup.api.baseURL,
      brokers: configuration.kafka.bootstrapServers, consumerGroup: setup.groupID)
    var observers: [any WorkerObserver] = [
      WorkerMetrics(factory: registry, environments: environments), feed, requestLog, StateLog(logger: logger),
    ]
    if let endpoint = try? setup.api.validated(),
      let tracing = WorkerTracing(
        calls: TracedCalls(endpoint: endpoint, paths: setup.api.paths), environments: environments,
        defaultAccount: setup.defaultAccount, consumerGroup: setup.groupID)
    {
      observers.append(tracing)
    }
    self.observers = observers
  }

  /// Shows this worker from now on.
  public func watch(_ worker: CancelWorkerService) {
    self.worker.set(worker)
  }

  /// Writes what is still to be written of the log.
  func finish() async {
    await requestLog.flush()
  }

  /// Knows these accounts from now on.
  func replaceAccounts(with accounts: Accounts) {
    environments.replace(with: accounts)
  }

  /// The admin server.
  ///
  /// - Parameter onListening: called once clients can connect.
  public func server(logger: Logger, onListening: @escaping @Sendable () -> Void = {}) -> AdminServer {
    AdminServer(
      configuration: configuration,
      sources: AdminSources(
        initialSnapshot: initial,
        snapshot: { [worker, initial, clock, started] in
          guard let worker = worker.get() else { return initial }
          if let snapshot = await worker.snapshot(startedAt: clock.corrected(started)) { return snapshot }
          var ended = initial
          ended.takenAt = clock.now
          ended.startedAt = clock.corrected(started)
          ended.state = .stopping
          ended.notReady = [.init(Readiness.Missing.stop.rawValue, Readiness.Missing.stop.sentence)]
          return ended
        },
        heartbeat: { [worker] in await worker.get()?.heartbeat() ?? true },
        registry: registry,
        feed: feed,
        connections: connections),
      logger: logger,
      onListening: { _ in onListening() })
  }
}

/// The worker that is shown, once there is one.
private final class WatchedWorker: Sendable {
  private let worker = Mutex<CancelWorkerService?>(nil)

  func set(_ worker: CancelWorkerService) { self.worker.withLock { $0 = worker } }
  func get() -> CancelWorkerService? { worker.withLock { $0 } }
}
