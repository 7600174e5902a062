import Logging
import ServiceLifecycle

/// What operators see of the worker: its metrics, its health, its log.
public struct OperatorSurface {
  public let observers: [any WorkerObserver]

  public init(_ configuration: WorkerConfiguration, setup: WorkerSetup, logger: Logger) {
    observers = []
  }

  public func watch(_ worker: CancelWorkerService) {}

  public func server(logger: Logger) -> some Service { IdleService() }
}

private struct IdleService: Service {
  func run() async throws { try await gracefulShutdown() }
}
