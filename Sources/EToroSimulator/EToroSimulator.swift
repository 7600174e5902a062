import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// A stand-in for the eToro public API: its v2 routes that cancel and look up orders of real and demo accounts, its quota, and faults on demand.
///
/// A `Service`; or started and stopped with `start()` and `stop()`.
public final class EToroSimulator: Service {
  /// What it knows and how it behaves; tests read and change it.
  public let state: SimulatorState
  private let configuration: SimulatorConfiguration
  private let logger: Logger
  private let bound: AsyncStream<Int>
  private let didBind: AsyncStream<Int>.Continuation
  private let running = Mutex<Task<Void, any Error>?>(nil)

  /// A simulator that listens once it is run or started.
  public init(configuration: SimulatorConfiguration, logger: Logger? = nil) {
    self.configuration = configuration
    state = SimulatorState(configuration)
    var quiet = Logger(label: "etoro-simulator")
    quiet.logLevel = .critical
    self.logger = logger ?? quiet
    (bound, didBind) = AsyncStream.makeStream(of: Int.self)
  }

  /// Serves until the service group shuts down.
  public func run() async throws {
    let router = Router()
    APIRoutes(state: state).add(to: router)
    ControlRoutes(state: state).add(to: router)
    let application = Application(
      router: router,
      configuration: .init(
        address: .hostname(configuration.host, port: configuration.port), serverName: nil, backlog: 1024),
      onServerRunning: { [didBind] channel in
        didBind.yield(channel.localAddress?.port ?? 0)
        didBind.finish()
      },
      logger: logger)
    try await application.run()
  }

  /// Starts serving.
  ///
  /// - Returns: the port that it listens on.
  /// - Throws: what keeps it from listening.
  public func start() async throws -> Int {
    let task = Task { try await self.runUntilCancelled() }
    running.withLock { $0 = task }
    for await port in bound { return port }
    try await task.value
    return 0
  }

  /// Ends serving and waits until the port is free.
  public func stop() async {
    let task = running.withLock { $0 }
    task?.cancel()
    _ = await task?.result
  }

  private func runUntilCancelled() async throws {
    defer { didBind.finish() }
    let group = ServiceGroup(
      configuration: .init(services: [.init(service: RunOnce(simulator: self))], logger: logger))
    try await withTaskCancellationHandler {
      try await group.run()
    } onCancel: {
      Task { await group.triggerGracefulShutdown() }
    }
  }

  private struct RunOnce: Service {
    let simulator: EToroSimulator
    func run() async throws { try await simulator.run() }
  }
}
