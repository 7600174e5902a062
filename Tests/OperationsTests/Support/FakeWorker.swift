import CancelContract
import CancelService
import Logging
import ServiceLifecycle
import Synchronization

@testable import Operations

/// A worker that says what a test wants.
final class FakeWorker: Sendable {
  let registry = PrometheusRegistry.forWorker()
  let feed = LiveFeed()
  private let told: Mutex<WorkerSnapshot>
  private let asked = Atomic<Int>(0)
  private let gate = Gate()

  init(_ snapshot: WorkerSnapshot = Sample.snapshot()) {
    told = Mutex(snapshot)
  }

  func tell(_ change: (inout WorkerSnapshot) -> Void) {
    told.withLock { change(&$0) }
  }

  /// From now on nothing is answered, until `recover`.
  func fallSilent() { gate.close() }
  func recover() { gate.open() }
  var timesAsked: Int { asked.load(ordering: .relaxed) }

  var sources: AdminSources {
    AdminSources(
      initialSnapshot: Sample.snapshot(.starting),
      snapshot: {
        self.asked.wrappingAdd(1, ordering: .relaxed)
        await self.gate.pass()
        return self.told.withLock { $0 }
      },
      heartbeat: {
        await self.gate.pass()
        return true
      },
      registry: registry,
      feed: feed)
  }

  /// Runs an admin server for the time of `body`, which is given its port.
  func serve<Result: Sendable>(
    _ configure: (inout AdminConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (Int) async throws -> Result
  ) async throws -> Result {
    var configuration = AdminConfiguration()
    configuration.port = 0
    configure(&configuration)
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    var logger = Logger(label: "admin")
    logger.logLevel = .critical
    let server = AdminServer(configuration: configuration, sources: sources, logger: logger) { port.yield($0) }
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(services: [.init(service: server)], logger: logger))
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        defer { port.finish() }
        try await group.run()
      }
      var port: Int?
      for await bound in ports {
        port = bound
        break
      }
      guard let port else {
        try await tasks.waitForAll()
        throw CancellationError()
      }
      let result = try await body(port)
      recover()
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
      return result
    }
  }
}

/// Lets everybody pass while it is open.
final class Gate: Sendable {
  private struct State {
    var isOpen = true
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  func close() { state.withLock { $0.isOpen = false } }

  func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  func pass() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiting.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }
}
