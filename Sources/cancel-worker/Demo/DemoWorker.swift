import CancelContract
import CancelService
import EToroSimulator
import Foundation
import Kafka
import Logging
import Operations
import ServiceLifecycle
import Synchronization

/// The worker that a demo shows.
protocol DemoWorker: Sendable {
  /// Waits until it has ended by itself.
  ///
  /// - Returns: whether it has; `false` where the waiting task was cancelled.
  /// - Throws: what ended it.
  func untilEnd() async throws -> Bool
  /// Stops it gracefully.
  ///
  /// - Throws: what had ended it before.
  func stop() async throws
}

/// The real worker, with its admin server, in this process.
final class EmbeddedWorker: DemoWorker {
  private let worker: CancelWorkerService
  private let group: ServiceGroup
  private let running: Task<Void, any Error>
  private let ended = Completion()

  /// Starts it.
  init(_ setup: WorkerSetup, adminPort: Int?) throws {
    // What ends the demo is thrown; that the embedded broker goes before its last client is no news.
    var quiet = CommandLog.quiet
    quiet.logLevel = .critical
    let logger = quiet
    var configuration = WorkerConfiguration()
    configuration.admin.port = adminPort ?? 0
    let surface = try OperatorSurface(configuration, setup: setup, logger: logger)
    let worker = try CancelWorkerService(setup: setup, client: setup.api, observers: surface.observers, logger: logger)
    self.worker = worker
    surface.watch(worker)
    var services: [any Service] = [worker]
    if adminPort != nil { services.append(surface.server(logger: logger)) }
    group = ServiceGroup(
      configuration: .init(
        services: services.map { .init(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup) },
        logger: logger))
    running = Task { [group, ended] in
      defer { ended.fulfil() }
      try await group.run()
    }
  }

  /// Waits until it does its job; `false` where it ended instead, or the task was cancelled.
  func isReady() async -> Bool {
    let settled = Completion()
    let watches = [
      Task { [worker] in
        await worker.readiness.waitUntilReady()
        settled.fulfil()
      },
      Task { [ended] in
        _ = await ended.wait()
        settled.fulfil()
      },
    ]
    defer { for watch in watches { watch.cancel() } }
    await settled.wait()
    return !Task.isCancelled && !ended.isDone
  }

  func untilEnd() async throws -> Bool {
    guard await ended.wait() else { return false }
    try await running.value
    return true
  }

  func stop() async throws {
    await group.triggerGracefulShutdown()
    try await running.value
  }
}

/// The real worker in a process of its own, which can be killed and started again.
final class KillableWorker: DemoWorker {
  private struct State {
    var process: Process
    /// Whether it is this demo that ends it.
    var isEnding = false
  }

  private let environment: [String: String]
  private let log: URL
  private let state: Mutex<State>
  private let endedByItself = Completion()

  /// Starts `cancel-worker run`.
  ///
  /// - Parameters:
  ///   - environment: its configuration.
  ///   - log: the file to which its log goes.
  init(environment: [String: String], log: URL) throws {
    self.environment = environment.merging(["PATH": "/usr/bin:/bin"]) { given, _ in given }
    self.log = log
    guard FileManager.default.createFile(atPath: log.path, contents: nil) else {
      throw CocoaError(.fileWriteUnknown)
    }
    state = Mutex(State(process: Process()))
    try start()
  }

  /// Kills the worker as a crash would, and starts it again.
  func crash() async throws {
    try await end(with: SIGKILL)
    guard !Task.isCancelled else { return }
    try start()
  }

  func untilEnd() async throws -> Bool {
    guard await endedByItself.wait() else { return false }
    let status = state.withLock { $0.process.terminationStatus }
    let lines = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
    let tail = lines.split(separator: "\n").suffix(10).joined(separator: "\n")
    throw CommandFailure(.software, "demo: the worker's process ended with the status \(status)", cause: tail)
  }

  func stop() async throws { try await end(with: SIGTERM) }

  private func start() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = ["run"]
    process.environment = environment
    process.standardInput = FileHandle.nullDevice
    let handle = try FileHandle(forWritingTo: log)
    try handle.seekToEnd()
    process.standardOutput = handle
    process.standardError = handle
    process.terminationHandler = { [weak self] process in
      guard let self else { return }
      let isOurs = state.withLock { $0.isEnding || $0.process !== process }
      if !isOurs { endedByItself.fulfil() }
    }
    try state.withLock { state in
      state = State(process: process)
      try process.run()
    }
  }

  private func end(with signal: Int32) async throws {
    let process = state.withLock { state in
      state.isEnding = true
      return state.process
    }
    guard process.isRunning else { return }
    kill(process.processIdentifier, signal)
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        process.waitUntilExit()
        continuation.resume()
      }
    }
  }
}

/// A demo's stage on a broker that runs elsewhere: topics of its own, and the worker in a process of its own.
struct DemoProcessStage {
  let stage: DemoStage
  let worker: KillableWorker
  private let topics: TopicNames
  private let folder: URL

  /// Creates the topics and starts the API and the worker.
  ///
  /// - Parameters:
  ///   - broker: the broker's address, `host:port`.
  ///   - settings: environment variables of the worker.
  init(
    broker: String, accounts: [AccountName], simulation: SimulatorConfiguration, settings: [String: String]
  ) async throws {
    let name = "cancel-worker-demo-\(UUID().lowercasedText.prefix(8))"
    let kafka = KafkaClientConfiguration(bootstrapServers: broker, clientID: "demo")
    topics = TopicNames(prefix: name)
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(name)
    try await Self.create(topics, on: kafka)
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let simulator = EToroSimulator(configuration: simulation)
    let port = try await simulator.start()
    let members = accounts.map {
      "\"\($0)\":{\"environment\":\"demo\",\"apiKey\":\"demo-api-key\",\"userKey\":\"\(DemoStage.userKey(of: $0))\"}"
    }
    let file = folder.appendingPathComponent("accounts.json")
    try "{\"accounts\":{\(members.joined(separator: ","))}}".write(to: file, atomically: true, encoding: .utf8)
    let own = [
      "KAFKA_BOOTSTRAP_SERVERS": broker, "CONSUMER_GROUP_ID": name, "WORKER_INSTANCE_ID": name,
      "TOPICS_REQUESTS": topics.requests, "TOPICS_RESULTS": topics.results, "TOPICS_LEDGER": topics.ledger,
      "TOPICS_DEAD_LETTERS": topics.deadLetters, "TOPICS_PROGRESS": topics.progress,
      "TOPICS_CAMPAIGNS": topics.campaigns, "TOPICS_CONFIRMATIONS": topics.confirmations,
      "TOPICS_CONTROL": topics.control,
      "API_BASE_URL": "http://127.0.0.1:\(port)", "ACCOUNTS_FILE": file.path,
      "ACCOUNTS_DEFAULT": accounts.first.map { "\($0)" } ?? "default",
    ]
    worker = try KillableWorker(
      environment: settings.merging(own) { _, own in own }, log: folder.appendingPathComponent("worker.log"))
    stage = DemoStage.onBroker(kafka, topics: topics, simulator: simulator, worker: worker)
  }

  /// Deletes the topics and what was written. The worker has ended.
  func clear() async {
    try? FileManager.default.removeItem(at: folder)
    guard let admin = try? KafkaAdmin(configuration: stage.kafka, logger: CommandLog.quiet) else { return }
    do {
      let left = try await admin.deleteTopics(topics.all, timeout: .seconds(10)).filter { $0.error != nil }
      if !left.isEmpty { StandardError.write("demo: left behind: \(left.map(\.name).joined(separator: ", "))\n") }
    } catch {
      StandardError.write("demo: its topics are left behind: \(error)\n")
    }
    await admin.close(timeout: .seconds(5))
  }

  private static func create(_ topics: TopicNames, on kafka: KafkaClientConfiguration) async throws {
    let admin = try KafkaAdmin(configuration: kafka, logger: CommandLog.quiet)
    do {
      let outcomes = try await admin.createTopics(
        TopicLayout(topics).specifications(partitions: 4, replicationFactor: 1), timeout: .seconds(10))
      if let failed = outcomes.first(where: { $0.error != nil }), let error = failed.error {
        throw CommandFailure(.unavailable, "demo: the topic \(failed.name) could not be created: \(error.message)")
      }
    } catch {
      await admin.close(timeout: .seconds(5))
      throw error
    }
    await admin.close(timeout: .seconds(5))
  }
}
