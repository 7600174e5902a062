import CancelAPI
import CancelContract
import CancelService
import Foundation
import Kafka
import Logging
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
  import CProcess
  import Glibc
#elseif canImport(Musl)
  import CProcess
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

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
    // Before all else: a signal that nobody has taken over ends the process.
    let reloads = await UnixSignalsSequence(trapping: .sighup)
    let stop = await StopSignals()
    defer { stop.ignore() }
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
          .init(service: stop, successTerminationBehavior: .gracefullyShutdownGroup),
          .init(service: surface.server(logger: logger) { listening.fulfil() }),
          .init(
            service: AccountsReloader(
              source: source, initial: accounts, worker: worker, surface: surface, signals: reloads, logger: logger)),
          .init(
            service: WorkerOnceListening(
              worker: worker, listening: listening,
              stopBegins: {
                surface.stopBegins(
                  endingWithin: setup.drainTimeout + CancelWorkerService.stopTakesBeyondTheDrain)
              }),
            failureTerminationBehavior: .gracefullyShutdownGroup),
        ],
        logger: quiet))
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

/// Hears SIGTERM and SIGINT. The first one ends the service, and the group with it; the second one ends the process at
/// once: whatever holds the first stop up, nothing is lost that a crash would not lose.
///
/// One sequence counts both. The group does not trap signals itself, for it would miss the first one where it comes before
/// the group runs.
private struct StopSignals: Service {
  private let first = Completion()
  private let listening: Task<Void, Never>

  /// The signals are heard from here on.
  init() async {
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
    listening = Task { [first] in
      var count = 0
      for await _ in signals {
        count += 1
        if count == 2 { _exit(130) }
        first.fulfil()
      }
    }
  }

  func run() async {
    await withGracefulShutdownHandler {
      await first.wait()
    } onGracefulShutdown: {
      first.fulfil()
    }
  }

  /// The process ends: nothing is left that a second signal could cut short.
  func ignore() { listening.cancel() }
}

/// Keeps the process's memory, which holds the accounts' keys, out of core dumps and out of other processes' sight.
public enum CoreDumps {
  /// Sets the limit on core files (`RLIMIT_CORE`) to 0 for good and, on Linux, makes the process not dumpable
  /// (`PR_SET_DUMPABLE`), which also covers core dumps that go to a pipe and debuggers of the same user.
  ///
  /// Neither call can fail for an ordinary process: lowering one's own limit and this flag need no privilege.
  ///
  /// - Returns: whether both took effect.
  @discardableResult
  public static func turnOff() -> Bool {
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    #if os(Linux)
      #if canImport(Glibc)
        let isLimited = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none) == 0
      #else
        let isLimited = setrlimit(RLIMIT_CORE, &none) == 0
      #endif
      return cprocess_deny_dumps() == 0 && isLimited
    #else
      return setrlimit(RLIMIT_CORE, &none) == 0
    #endif
  }
}

/// What the process's exit status tells; the numbers of BSD's `sysexits.h` where it has one.
public enum ExitCode: Int32, Sendable, CaseIterable {
  /// All went well.
  case ok = 0
  /// `request --wait`: at least one request was not accepted.
  case notAccepted = 1
  /// `demo`: a result is missing or repeated.
  case verdict = 2
  /// The command line can't be understood.
  case usage = 64
  /// The broker or the API can't be reached, or refuses the work; or the admin port is taken.
  case unavailable = 69
  /// The worker can't go on: its producer was fenced or failed for good, or a fault of its own.
  case software = 70
  /// The ledger can't be read, or the group's position lies beyond the end of the requests.
  case data = 65
  /// The configuration, the accounts or the topics are not as they must be.
  case configuration = 78

  /// What it means.
  public var meaning: String {
    switch self {
    case .ok: "all went well"
    case .notAccepted: "request --wait: at least one request was not accepted"
    case .verdict: "demo: a result is missing or repeated"
    case .usage: "the command line can't be understood"
    case .data:
      "the ledger can't be read (a newer worker wrote it?), or the group's position lies beyond the requests' end"
    case .unavailable: "the broker or the API can't be reached, or refuses the work; or the admin port is taken"
    case .software: "the worker can't go on (its producer was fenced); start it again"
    case .configuration: "configuration, accounts or topics are not as they must be"
    }
  }

  /// A line for each code, for the help.
  public static var table: String {
    allCases.sorted { $0.rawValue < $1.rawValue }.map { "  \($0.rawValue)  \($0.meaning)" }.joined(separator: "\n")
  }

  /// The code for what ended a command.
  public init(for error: any Error) {
    switch error {
    case is ConfigurationError, is AccountsFileError, is TopicsUnfit, is CancelClientError: self = .configuration
    case is LedgerUnreadable: self = .data
    case is AdminServerError, is KafkaPublishError: self = .unavailable
    case let error as KafkaError where error.code == .positionBeyondEnd: self = .data
    case let error as KafkaError: self = error.isFatal ? .software : .unavailable
    default: self = .software
    }
  }
}
