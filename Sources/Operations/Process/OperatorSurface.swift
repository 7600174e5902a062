import CancelAPI
import CancelContract
import CancelService
import Logging
import ServiceLifecycle
import Synchronization
import Tracing

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
  private let exporter: TraceExporter?
  private let stop = StopBound()
  private let clock = SteadyClock()
  private let started: SteadyClock.Reading

  /// The surface of a worker that is still to be made.
  ///
  /// Where OpenTelemetry's variables name a collector, traces go there; else to the tracer with which
  /// `InstrumentationSystem` was bootstrapped.
  ///
  /// - Throws: ``ConfigurationError`` where TLS to the collector can't be set up.
  public init(_ configuration: WorkerConfiguration, setup: WorkerSetup, logger: Logger) throws(ConfigurationError) {
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
    exporter = try Self.exporter(configuration, setup, registry, logger)
    if let endpoint = try? setup.api.validated(),
      let tracing = WorkerTracing(
        tracer: exporter?.tracer ?? InstrumentationSystem.tracer,
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

  /// The worker is told to stop: all that follows, its last spans among it, is to take no longer than `limit`.
  func stopBegins(endingWithin limit: Duration) {
    stop.set(.now + limit)
  }

  /// Exports the last spans, and writes what is still to be written of the log; for when the worker has ended. A
  /// collector that does not answer holds it up for two seconds at most.
  public func finish() async {
    await exporter?.stop(within: stop.left(atMost: .seconds(2)))
    await requestLog.flush()
  }

  private static func exporter(
    _ configuration: WorkerConfiguration, _ setup: WorkerSetup, _ registry: PrometheusRegistry, _ logger: Logger
  ) throws(ConfigurationError) -> TraceExporter? {
    guard let traces = configuration.traces else { return nil }
    do {
      return try TraceExporter(
        traces, version: setup.version, instance: setup.instanceID, factory: registry, logger: logger)
    } catch {
      throw ConfigurationError(faults: [
        .init(key: "OTEL_EXPORTER_OTLP_CERTIFICATE", message: error.description, origin: "environment variable")
      ])
    }
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

/// By when a stop is to have come to its end, once there is one.
private final class StopBound: Sendable {
  private let end = Mutex<ContinuousClock.Instant?>(nil)

  func set(_ end: ContinuousClock.Instant) { self.end.withLock { $0 = end } }

  /// What is left of the time, never less than a moment.
  func left(atMost limit: Duration) -> Duration {
    guard let end = end.withLock({ $0 }) else { return limit }
    return max(.milliseconds(250), min(limit, end - .now))
  }
}

/// The worker that is shown, once there is one.
private final class WatchedWorker: Sendable {
  private let worker = Mutex<CancelWorkerService?>(nil)

  func set(_ worker: CancelWorkerService) { self.worker.withLock { $0 = worker } }
  func get() -> CancelWorkerService? { worker.withLock { $0 } }
}
