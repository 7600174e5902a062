import CancelAPI
import CancelContract
import CancelService
import EToroSimulator
import Foundation
import Kafka
import Operations
import Synchronization

/// What every demo plays on: a broker with the worker's topics, a simulated API, and the worker.
final class DemoStage: Sendable {
  let simulator: EToroSimulator
  let kafka: KafkaClientConfiguration
  let topics: TopicNames
  private let worker: any DemoWorker
  private let cluster: KafkaMockCluster?

  private init(
    simulator: EToroSimulator, kafka: KafkaClientConfiguration, topics: TopicNames, worker: any DemoWorker,
    cluster: KafkaMockCluster?
  ) {
    self.simulator = simulator
    self.kafka = kafka
    self.topics = topics
    self.worker = worker
    self.cluster = cluster
  }

  /// Starts an embedded broker, the API, and the worker in this process, and waits until it is ready.
  ///
  /// - Throws: what keeps the worker from starting, such as an admin port that is taken; `CancellationError`.
  static func embedded(
    accounts: [AccountName], simulation: SimulatorConfiguration, adminPort: Int?,
    configure: (inout WorkerSetup) -> Void
  ) async throws -> DemoStage {
    let cluster = try KafkaMockCluster(brokers: 1)
    let topics = TopicNames()
    for topic in topics.all { try cluster.createTopic(topic, partitions: 4) }
    let kafka = KafkaClientConfiguration(bootstrapServers: cluster.bootstrapServers, clientID: "demo")
    let simulator = EToroSimulator(configuration: simulation)
    let port = try await simulator.start()
    var setup = WorkerSetup(
      kafka: kafka, instanceID: "demo",
      accounts: Accounts(
        try accounts.map { name in
          try Account(
            name: name, environment: .demo,
            credential: .keyPair(apiKey: Secret("demo-api-key"), userKey: Secret(userKey(of: name))))
        }))
    setup.api.baseURL = "http://127.0.0.1:\(port)"
    setup.api.connections = 64
    setup.drainTimeout = .seconds(3)
    if let first = accounts.first { setup.defaultAccount = first }
    // The embedded broker can't tell about topics' settings.
    setup.checksTopics = false
    configure(&setup)
    let worker = try EmbeddedWorker(setup, adminPort: adminPort)
    let stage = DemoStage(simulator: simulator, kafka: kafka, topics: topics, worker: worker, cluster: cluster)
    guard await worker.isReady() else {
      try await stage.clear()
      throw CancellationError()
    }
    return stage
  }

  /// The user key of an account of a demo.
  static func userKey(of account: AccountName) -> String { "demo-user-key-\(account)" }

  /// A stage on a broker that runs elsewhere, with a worker of its own kind.
  static func onBroker(
    _ kafka: KafkaClientConfiguration, topics: TopicNames, simulator: EToroSimulator, worker: any DemoWorker
  ) -> DemoStage {
    DemoStage(simulator: simulator, kafka: kafka, topics: topics, worker: worker, cluster: nil)
  }

  /// Sends a load and takes the results until each of `total` requests has one.
  ///
  /// - Throws: what ends the worker or the load meanwhile; `CancellationError`.
  func play(_ total: Int, _ tally: ResultTally, load: @escaping @Sendable () async throws -> Void) async throws {
    try await play(until: { tally.take($0) >= total }, load: load)
  }

  /// Sends a load and takes the results until `isDone` says that all are here.
  ///
  /// - Throws: what ends the worker or the load meanwhile; `CancellationError`.
  func play(
    until isDone: @escaping @Sendable ([KafkaMessage]) -> Bool, load: @escaping @Sendable () async throws -> Void
  ) async throws {
    let tail = try await KafkaTail.open(
      configuration: kafka, topic: topics.results, from: .beginning, logger: CommandLog.quiet)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await tail.run { isDone($0) ? .stop : .continue }
        return true
      }
      group.addTask {
        try await load()
        return false
      }
      group.addTask { [worker] in
        guard try await worker.untilEnd() else { return false }
        throw CommandFailure(.software, "demo: the worker ended before its work was done")
      }
      while try await group.next() == false {}
      group.cancelAll()
    }
    try Task.checkCancellation()
  }

  /// Waits until the API had so many calls, or the task is cancelled.
  func waitForCalls(_ count: Int) async {
    let reached = Completion()
    let simulator = simulator
    Task {
      await simulator.state.waitForCalls(count)
      reached.fulfil()
    }
    await reached.wait()
  }

  /// Stops the worker gracefully, then the API.
  ///
  /// - Throws: what ended the worker.
  func clear() async throws {
    let outcome: Result<Void, any Error>
    do { outcome = .success(try await worker.stop()) } catch { outcome = .failure(error) }
    await simulator.stop()
    try outcome.get()
  }
}

/// Counts results against the requests that were sent, each by its own coordinates, and shows them as they come.
final class ResultTally: Sendable {
  private struct State {
    var sources: Set<SourceCoordinates> = []
    var results: [CancelResult] = []
    var outcomes: [CancelOutcome: Int] = [:]
    var deduplicated = 0
  }

  private let state = Mutex(State())
  private let view = DemoView()

  init(title: String) {
    view.begin(title)
  }

  var results: [CancelResult] { state.withLock { $0.results } }

  /// Counts these messages.
  ///
  /// - Returns: the number of requests that have a result now.
  func take(_ messages: [KafkaMessage]) -> Int {
    for message in messages {
      guard let event = try? ResultDecoder().decode(message) else { continue }
      state.withLock { state in
        state.sources.insert(event.result.source)
        state.results.append(event.result)
        state.outcomes[event.result.outcome, default: 0] += 1
        if event.result.deduplicated { state.deduplicated += 1 }
      }
      view.show(event.result)
    }
    return state.withLock { $0.sources.count }
  }

  /// How many requests have no result, and how many results there are too many.
  func verdict(requests: Int) -> (results: Int, missing: Int, repeated: Int) {
    state.withLock { state in
      (state.results.count, requests - state.sources.count, state.results.count - state.sources.count)
    }
  }

  /// Writes the outcomes in a line.
  func end() {
    view.end()
    let summary = state.withLock { state in
      let outcomes = CancelOutcome.allCases.map { "\($0.name)=\(state.outcomes[$0] ?? 0)" }
      return (outcomes + ["without a call of their own=\(state.deduplicated)"]).joined(separator: " ")
    }
    StandardOutput.write(summary + "\n")
  }
}

/// Shows results as they come, no faster than eyes can follow: what is left out is counted.
private final class DemoView: Sendable {
  private struct State {
    var shownInSlot = 0
    var leftOut = 0
    var slotEndsAt = ContinuousClock.now
  }

  private let state = Mutex(State())
  private let lines = ResultLines.forStandardOutput()
  private static let perSlot = 12
  private static let slot = Duration.milliseconds(500)

  func begin(_ title: String) {
    StandardOutput.write(title + "\n" + lines.header + "\n")
  }

  func show(_ result: CancelResult) {
    let now = ContinuousClock.now
    let text: String? = state.withLock { state in
      var text = ""
      if now >= state.slotEndsAt {
        if state.leftOut > 0 { text = "  … and \(state.leftOut) more\n" }
        state = State(slotEndsAt: now + DemoView.slot)
      }
      guard state.shownInSlot < DemoView.perSlot else {
        state.leftOut += 1
        return nil
      }
      state.shownInSlot += 1
      return text + lines.line(result) + "\n"
    }
    if let text { StandardOutput.write(text) }
  }

  func end() {
    let leftOut = state.withLock { $0.leftOut }
    if leftOut > 0 { StandardOutput.write("  … and \(leftOut) more\n") }
  }
}
