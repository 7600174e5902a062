import CancelContract
import EToroSimulator
import Foundation
import Kafka
import Synchronization
import WorkerHarness

/// What one test plays on: topics, the API and the workers' configuration.
struct Stage {
  let topics: TestTopics
  let simulator: EToroSimulator
  let apiURL: String
  let accountsFile: URL
  private let environment: [String: String]
  private let folder: URL
  private let roster = Roster()

  /// Accounts `a0`, `a1`, …, each with a user key of its own; `a0` is the default.
  static func make(
    accounts: Int = 1, partitions: Int = 4, simulation: SimulatorConfiguration, settings: [String: String] = [:]
  ) async throws -> Stage {
    let topics = try await TestTopics.create(partitions: partitions)
    let simulator = EToroSimulator(configuration: simulation)
    let port = try await simulator.start()
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(topics.group)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let members = (0..<accounts).map {
      "\"a\($0)\":{\"environment\":\"demo\",\"apiKey\":\"test-api-key\",\"userKey\":\"user-key-\($0)\"}"
    }
    let file = folder.appendingPathComponent("accounts.json")
    try "{\"accounts\":{\(members.joined(separator: ","))}}".write(to: file, atomically: true, encoding: .utf8)
    let apiURL = "http://127.0.0.1:\(port)"
    let own = [
      "API_BASE_URL": apiURL, "ACCOUNTS_FILE": file.path, "ACCOUNTS_DEFAULT": "a0",
      "ADMIN_PORT": "0", "SWIFT_BACKTRACE": "enable=no",
    ]
    let environment = topics.environment.merging(own) { _, own in own }.merging(settings) { _, given in given }
    return Stage(
      topics: topics, simulator: simulator, apiURL: apiURL, accountsFile: file, environment: environment,
      folder: folder)
  }

  /// Starts a worker; one of the same name takes the place of one that was killed.
  func worker(
    _ name: String = "w0", command: String = "run", settings: [String: String] = [:], unreadLog: FileHandle? = nil
  ) throws -> WorkerUnderTest {
    let own = ["WORKER_INSTANCE_ID": "\(topics.group)-\(name)"]
    let worker = try WorkerUnderTest(
      command: command,
      environment: environment.merging(own) { _, own in own }.merging(settings) { _, given in given },
      log: log(of: name), unreadLog: unreadLog)
    roster.workers.withLock { $0.append(worker) }
    return worker
  }

  /// Waits until the log of the workers of this name says so.
  func waitForLog(_ text: String, of name: String = "w0") async throws {
    let log = log(of: name)
    // What a log says may be the reason for which its worker ends.
    _ = try await IntegrationTests.eventually("'\(text)' in the log of \(name)", within: .seconds(60)) {
      try String(contentsOf: log, encoding: .utf8).contains(text) ? true : nil
    }
  }

  /// Waits until the API had so many calls.
  func waitForCalls(_ count: Int) async throws {
    let state = simulator.state
    _ = try await eventually("\(count) calls, had \(state.totalCalls)") { state.totalCalls >= count ? true : nil }
  }

  /// Asks until there is an answer, unless one of the stage's workers ends by itself.
  func eventually<Value>(
    _ what: @autoclosure () -> String, within limit: Duration = .seconds(180),
    _ question: () async throws -> Value?
  ) async throws -> Value {
    try await IntegrationTests.eventually(
      what(), within: limit, workers: { roster.workers.withLock { $0 } }, question)
  }

  /// The log of the workers of this name.
  func log(of name: String = "w0") -> URL { folder.appendingPathComponent("\(name).log") }

  /// The transactional id of the workers of this name.
  func transactionalID(of name: String = "w0") -> String { "\(topics.group)-\(topics.group)-\(name)" }

  /// Publishes requests.
  func send(_ values: [(account: Int, order: Int, priority: String)]) async throws {
    try await send(
      values.map { value in
        let json = "{\"orderId\":\(value.order),\"account\":\"a\(value.account)\",\"priority\":\"\(value.priority)\"}"
        return (Array("a\(value.account)".utf8), Array(json.utf8))
      })
  }

  /// Publishes a request to sweep.
  func send(sweep request: SweepRequest) async throws {
    let record = RequestEncoder(.plain).encode(request, at: Timestamp(microseconds: 0))
    try await send([(record.key ?? [], record.value ?? [])])
  }

  /// The user key of an account.
  func userKey(_ account: Int) -> String { "user-key-\(account)" }

  /// The name of an account.
  func accountName(_ account: Int) -> AccountName { AccountName("a\(account)") }

  /// Publishes messages: their keys and values.
  func send(_ messages: [(key: [UInt8], value: [UInt8])]) async throws {
    let producer = try KafkaProducer(
      configuration: TestBroker.configuration, transactionalID: nil, logger: TestBroker.logger)
    try await producer.publish(
      messages.map { KafkaRecord(topic: topics.names.requests, key: $0.key, value: $0.value) })
    await producer.close(timeout: .seconds(5))
  }

  /// Runs another command of the binary to its end, with the workers' environment.
  func run(_ arguments: String...) async throws -> (status: Int32, output: String) {
    let output = folder.appendingPathComponent("\(UUID().uuidString).out")
    let command = try WorkerUnderTest(arguments, environment: environment, log: output)
    let status = await command.waitForExit()
    return (status, try String(contentsOf: output, encoding: .utf8))
  }

  /// All results, once `count` requests have one.
  func results(_ count: Int) async throws -> [CancelResult] {
    try await eventually("\(count) results") {
      let results = try await topics.results()
      return Set(results.map(\.source)).count >= count ? results : nil
    }
  }

  /// Ends the API and removes what was written. The workers have ended.
  func clear() async {
    await simulator.stop()
    try? FileManager.default.removeItem(at: folder)
  }
}

/// The workers that a stage started.
private final class Roster: Sendable {
  let workers = Mutex<[WorkerUnderTest]>([])
}

/// Asks again and again until there is an answer. Fails at once where one of the workers ended that nobody ended, with
/// the end of its log, and after the limit, saying what was waited for.
func eventually<Value>(
  _ what: @autoclosure () -> String, within limit: Duration = .seconds(180),
  workers: () -> [WorkerUnderTest] = { [] }, _ question: () async throws -> Value?
) async throws -> Value {
  let deadline = ContinuousClock.now + limit
  while true {
    if let answer = try await question() { return answer }
    for worker in workers() { try worker.checkAlive() }
    guard ContinuousClock.now < deadline else { throw WaitedInVain(what: what(), limit: limit) }
    try await Task.sleep(for: .milliseconds(10))
  }
}

/// A wait that came to its limit.
struct WaitedInVain: Error, CustomStringConvertible {
  var what: String
  var limit: Duration

  var description: String { "waited for \(what), in vain for \(limit)" }
}
