import CancelAPI
import CancelContract
import CancelService
import Foundation
import Kafka
import Logging
import ServiceLifecycle
import UnixSignals

/// `cancel-worker run`: the worker with all that goes round it, until a signal ends it.
public struct WorkerProcess {
  private let configuration: WorkerConfiguration
  private let environment: [String: String]

  /// A process with this configuration.
  public init(
    _ configuration: WorkerConfiguration, environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.configuration = configuration
    self.environment = environment
  }

  /// Runs until SIGTERM or SIGINT; a second one ends the process at once.
  ///
  /// - Throws: what the worker can't start or go on with; `ExitCode(for:)` gives the exit status.
  public func run() async throws {
    let handler = configuration.log.handler()
    let logger = Logger(label: "cancel-worker") { _ in handler }
    defer { handler.tellLeftOut() }
    for warning in configuration.warnings { logger.warning("configuration", metadata: ["warning": "\(warning)"]) }
    let source = AccountsSource(configuration, environment: environment)
    let accounts = try source.load()
    for warning in accounts.warnings { logger.warning("accounts", metadata: ["warning": "\(warning)"]) }
    let setup = try configuration.setup(accounts: accounts.accounts)
    let surface = try OperatorSurface(configuration, setup: setup, logger: logger)
    let worker = try CancelWorkerService(
      setup: setup, client: setup.api, observers: surface.observers, logger: logger)
    surface.watch(worker)
    // The group would write its services' whole values at `debug`.
    var quiet = logger
    quiet.logLevel = max(logger.logLevel, .info)
    let listening = Completion()
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [
          .init(service: surface.server(logger: logger) { listening.fulfil() }),
          .init(
            service: AccountsReloader(
              source: source, initial: accounts, worker: worker, surface: surface, logger: logger)),
          .init(
            service: WorkerOnceListening(
              worker: worker, listening: listening,
              stopBegins: {
                surface.stopBegins(
                  endingWithin: setup.drainTimeout + CancelWorkerService.stopTakesBeyondTheDrain)
              }),
            failureTerminationBehavior: .gracefullyShutdownGroup),
        ],
        gracefulShutdownSignals: [.sigterm, .sigint],
        logger: quiet))
    let secondSignal = Task { await SecondSignal().wait() }
    defer { secondSignal.cancel() }
    do {
      try await group.run()
    } catch {
      await surface.finish()
      throw error
    }
    await surface.finish()
  }
}

/// Starts the worker once the admin port is its own: a second process started by mistake then ends before it could take
/// the place of the first one in the group, and its transactional id.
private struct WorkerOnceListening: Service {
  let worker: CancelWorkerService
  let listening: Completion
  let stopBegins: @Sendable () -> Void

  func run() async throws {
    try await withGracefulShutdownHandler {
      await withGracefulShutdownHandler {
        _ = await listening.wait()
      } onGracefulShutdown: {
        listening.fulfil()
      }
      try await worker.run()
    } onGracefulShutdown: {
      stopBegins()
    }
  }
}

/// Ends the process at once when it is told a second time to stop: whatever holds the first stop up, nothing is lost
/// that a crash would not lose.
private struct SecondSignal {
  func wait() async {
    var signals = 0
    for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
      signals += 1
      if signals == 2 { _exit(130) }
    }
  }
}
