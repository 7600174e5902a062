import CancelContract
import EToroSimulator
import Foundation
import Kafka
import Testing

/// Requests on a real broker become calls and results, by the worker as it is run.
@Suite(.serialized, .enabled(if: TestBroker.bootstrap != nil, "KAFKA_BOOTSTRAP names no broker"))
struct MainJobTests {
  @Test(.timeLimit(.minutes(3)), arguments: ["exactlyOnce", "atLeastOnce"])
  func everyRequestIsAnsweredOnce(guarantee: String) async throws {
    let topics = try await TestTopics.create(partitions: 4)
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    let simulator = EToroSimulator(configuration: simulation)
    let port = try await simulator.start()
    let log = FileManager.default.temporaryDirectory.appendingPathComponent("\(topics.group).log")
    let worker = try WorkerUnderTest(
      environment: topics.environment.merging([
        "API_BASE_URL": "http://127.0.0.1:\(port)", "ETORO_API_KEY": "canary-api-key",
        "ETORO_USER_KEY": "canary-user-key", "QUOTA_CALLS": "0", "ADMIN_PORT": "0", "DELIVERY_GUARANTEE": guarantee,
        "WORKER_INSTANCE_ID": topics.group, "LOG_LEVEL": "trace", "DEDUP_REJECTED_WINDOW": "1h",
      ]) { own, _ in own }, log: log)
    let producer = try KafkaProducer(
      configuration: TestBroker.configuration, transactionalID: nil, logger: TestBroker.logger)
    let values = [
      "{\"orderId\":13902598,\"cancelId\":\"a\",\"context\":{\"x\":[1,2.50]}}",
      "{\"orderId\":\"13902598\",\"cancelId\":\"b\"}",
      "{\"orderId\":13902404,\"cancelId\":\"c\"}",
      "{\"orderId\":9223372036854775807,\"cancelId\":\"d\",\"priority\":\"killSwitch\"}",
      "{\"orderId\":0,\"cancelId\":\"e\"}",
      "garbage",
      "{\"orderId\":7,\"cancelId\":\"f\",\"account\":\"nobody\"}",
    ]
    try await producer.publish(
      values.map { KafkaRecord(topic: topics.names.requests, key: Array("k".utf8), value: Array($0.utf8)) })
    await producer.close(timeout: .seconds(5))
    let results = try await eventually("\(values.count) results", workers: { [worker] }) {
      let results = try await topics.results()
      return results.count < values.count ? nil : results
    }
    let status = await worker.stop()
    let calls = simulator.state.callsPerOrder
    await simulator.stop()

    #expect(status == 0)
    #expect(results.count == values.count)
    let byID = Dictionary(uniqueKeysWithValues: results.map { ($0.cancelID, $0) })
    #expect(byID["a"]?.outcome == .accepted)
    #expect(byID["a"]?.token != nil)
    #expect(byID["a"]?.echo.details.context?.description == "{\"x\":[1,2.50]}")
    #expect(byID["b"]?.deduplicated == true)
    #expect(byID["b"]?.duplicateOf == "a")
    #expect(byID["b"]?.token == byID["a"]?.token)
    #expect(byID["c"]?.outcome == .rejected)
    #expect(byID["c"]?.httpStatus == 404)
    #expect(byID["d"]?.orderID?.value == .max)
    #expect(byID["e"]?.problem?.problemType == .orderIDInvalid)
    #expect(byID["f"]?.problem?.problemType == .accountUnknown)
    #expect(results.filter { $0.outcome == .invalid }.count == 3)
    #expect(try await topics.count(topics.names.deadLetters) == 3)
    #expect(calls == [13_902_598: 1, 13_902_404: 1, .max: 1])
    let logged = try String(contentsOf: log, encoding: .utf8)
    #expect(!logged.contains("canary-"), "a credential stands in the log")
    try? FileManager.default.removeItem(at: log)
  }

  @Test(.timeLimit(.minutes(3)))
  func aRefusedKeyIsAnsweredAtOnceAndMemoryOutlivesARestart() async throws {
    let topics = try await TestTopics.create(partitions: 2)
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    simulation.refusedKeys = ["late-key"]
    let simulator = EToroSimulator(configuration: simulation)
    let port = try await simulator.start()
    let log = FileManager.default.temporaryDirectory.appendingPathComponent("\(topics.group).log")
    let environment = topics.environment.merging([
      "API_BASE_URL": "http://127.0.0.1:\(port)", "ETORO_API_KEY": "key", "ETORO_USER_KEY": "late-key",
      "QUOTA_CALLS": "0", "ADMIN_PORT": "0", "WORKER_INSTANCE_ID": topics.group,
    ]) { own, _ in own }
    let producer = try KafkaProducer(
      configuration: TestBroker.configuration, transactionalID: nil, logger: TestBroker.logger)
    var worker = try WorkerUnderTest(environment: environment, log: log)
    func request(_ id: String, _ order: Int) async throws {
      let value = Array("{\"orderId\":\(order),\"cancelId\":\"\(id)\"}".utf8)
      try await producer.publish([KafkaRecord(topic: topics.names.requests, key: Array("k".utf8), value: value)])
    }
    func result(_ id: String) async throws -> CancelResult {
      try await eventually("the result of \(id)", workers: { [worker] }) {
        try await topics.results().first { $0.cancelID == id }
      }
    }
    try await request("refused", 1001)
    let refused = try await result("refused")
    #expect(refused.outcome == .failed)
    #expect(refused.httpStatus == 401)
    simulator.state.configure { $0.refusedKeys = [] }
    // The breaker closes by itself with a probe; requests until then are answered at once.
    var attempt = 0
    var accepted = try await {
      try await request("try-0", 1002); return try await result("try-0")
    }()
    while accepted.outcome != .accepted {
      attempt += 1
      try await request("try-\(attempt)", 1002)
      accepted = try await result("try-\(attempt)")
    }
    let calls = simulator.state.totalCalls
    await worker.crash()
    worker = try WorkerUnderTest(environment: environment, log: log)
    try await request("again", 1002)
    let again = try await result("again")
    #expect(again.deduplicated)
    #expect(again.token == accepted.token)
    #expect(again.duplicateOf == accepted.cancelID)
    #expect(simulator.state.totalCalls == calls)
    #expect(await worker.stop() == 0)
    await producer.close(timeout: .seconds(5))
    await simulator.stop()
    try? FileManager.default.removeItem(at: log)
  }
}
