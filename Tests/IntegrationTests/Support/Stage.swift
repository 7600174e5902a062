import CancelContract
import EToroSimulator
import Foundation
import Kafka

/// What one test plays on: topics, the API and the workers' configuration.
struct Stage {
  let topics: TestTopics
  let simulator: EToroSimulator
  let apiURL: String
  let accountsFile: URL
  private let environment: [String: String]
  private let folder: URL

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
      "\"a\($0)\":{\"environment\":\"demo\",\"apiKey\":\"k\",\"userKey\":\"u\($0)\"}"
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
    return try WorkerUnderTest(
      command: command,
      environment: environment.merging(own) { _, own in own }.merging(settings) { _, given in given },
      log: log(of: name), unreadLog: unreadLog)
  }

  /// Waits until the log of the workers of this name says so.
  func waitForLog(_ text: String, of name: String = "w0") async throws {
    while try !String(contentsOf: log(of: name), encoding: .utf8).contains(text) {
      try await Task.sleep(for: .milliseconds(10))
    }
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

  /// Publishes messages: their keys and values.
  func send(_ messages: [(key: [UInt8], value: [UInt8])]) async throws {
    let producer = try KafkaProducer(
      configuration: TestBroker.configuration, transactionalID: nil, logger: TestBroker.logger)
    try await producer.publish(
      messages.map { KafkaRecord(topic: topics.names.requests, key: $0.key, value: $0.value) })
    await producer.close(timeout: .seconds(5))
  }

  /// All results, once `count` requests have one.
  func results(_ count: Int) async throws -> [CancelResult] {
    while true {
      let results = try await topics.results()
      if Set(results.map(\.source)).count >= count { return results }
    }
  }

  /// Ends the API and removes what was written. The workers have ended.
  func clear() async {
    await simulator.stop()
    try? FileManager.default.removeItem(at: folder)
  }
}
