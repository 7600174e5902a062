import Logging
import ServiceLifecycle

/// What operators see of the worker: its metrics, its health, its log.
struct OperatorSurface {
  let observers: [any WorkerObserver]

  init(_ configuration: WorkerConfiguration, setup: WorkerSetup, logger: Logger) {
    observers = []
  }

  func watch(_ worker: CancelWorkerService) {}

  func server(logger: Logger) -> some Service { IdleService() }
}

private struct IdleService: Service {
  func run() async throws { try await gracefulShutdown() }
}
