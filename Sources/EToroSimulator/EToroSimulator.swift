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

/// How the simulated API behaves; everything but the address can be changed while it runs.
public struct SimulatorConfiguration: Sendable {
  /// The address to listen on.
  public var host = "127.0.0.1"
  /// The port to listen on; 0 for any free one.
  public var port = 0
  /// Calls in a rolling window per user key; 0 for no quota.
  public var quota = 20
  /// The rolling window.
  public var window = Duration.seconds(60)
  /// Lists, and lookups, in a rolling `readWindow` per user key, each in a pool of its own; 0 for no quota.
  public var readQuota = 60
  /// The rolling window of lists and lookups.
  public var readWindow = Duration.seconds(60)
  /// For how long a list still holds an order that is cancelled.
  public var listLag = Duration.zero
  /// The share of an account's pending orders that are executed between two of its lists.
  public var fillRate = 0.0
  /// For how long a lookup knows an order that was cancelled or executed; then it is answered 404.
  public var closedOrdersAreKnownFor = Duration.seconds(3600)
  /// Closing orders that every portfolio has.
  public var closingOrders = 0
  /// Orders of a copied portfolio that every portfolio has.
  public var copiedOrders = 0
  /// How the quota is told in headers.
  public var quotaHeaders = QuotaHeaders.prefixed
  /// User keys and tokens that are refused with 401.
  public var refusedKeys: Set<String> = []
  /// User keys and tokens that are refused with 403.
  public var forbiddenKeys: Set<String> = []
  /// Whether an acceptance carries a token.
  public var givesToken = true
  /// Faults of every call.
  public var faults = Faults()
  /// Where the random faults start.
  public var seed: UInt64 = 1
  /// How many calls are kept to be looked at; older ones are forgotten.
  public var mostCallsKept = 200_000

  /// The defaults.
  public init() {}

  /// How the quota is told in headers.
  public enum QuotaHeaders: String, Sendable, CaseIterable {
    /// `X-RateLimit-*`
    case prefixed
    /// `RateLimit-*`
    case plain
    /// Not at all, not even `Retry-After`.
    case none
  }

  /// Faults, each with the share of calls that it meets.
  public struct Faults: Sendable {
    /// What every answer takes at least.
    public var delay = Duration.zero
    /// What an answer takes at most beyond that, uniformly.
    public var jitter = Duration.zero
    /// Answers of 500 without a body; the order is as it was.
    public var serverErrorRate = 0.0
    /// Answers of 503; the order is as it was.
    public var unavailableRate = 0.0
    /// Calls that cancel the order and lose their answer: the connection is closed.
    public var lostAnswerRate = 0.0
    /// Calls that are never answered, until the connection goes.
    public var hangRate = 0.0
    /// Answers of 200 whose body is no JSON.
    public var garbageRate = 0.0

    /// None.
    public init() {}
  }
}
