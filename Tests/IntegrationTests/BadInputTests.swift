import CancelContract
import EToroSimulator
import Foundation
import Kafka
import Synchronization
import Testing

/// Every way in which a message can be wrong, between requests that are right.
@Suite(.serialized, .enabled(if: TestBroker.bootstrap != nil, "KAFKA_BOOTSTRAP names no broker"))
struct BadInputTests {
  /// A message that is no request: the problem that its result has, and what the problem's text names.
  private struct BadInput {
    var name: String
    var value: [UInt8]?
    var problem: ProblemType
    var names: String
    var key: [UInt8]? = Array("k".utf8)
    var headers: [KafkaHeader] = []

    init(_ name: String, _ text: String, _ problem: ProblemType, names: String) {
      self.init(name, bytes: Array(text.utf8), problem, names: names)
    }

    init(_ name: String, bytes: [UInt8]?, _ problem: ProblemType, names: String) {
      self.name = name
      self.value = bytes
      self.problem = problem
      self.names = names
    }
  }

  private static let inputs: [BadInput] = {
    var inputs = [
      BadInput("a tombstone", bytes: nil, .emptyValue, names: "no value"),
      BadInput("empty", bytes: [], .emptyValue, names: "no value"),
      BadInput("not UTF-8", bytes: [0xFF, 0xFE, 0x00], .notUTF8, names: "UTF-8"),
      BadInput(
        "text that is not UTF-8", bytes: Array("{\"cancelId\":\"".utf8) + [0xC3] + Array("\"}".utf8), .notUTF8,
        names: "UTF-8"),
      BadInput("not JSON", "cancel 7, please", .notJSON, names: "byte"),
      BadInput("cut off", "{\"orderId\":", .notJSON, names: "byte"),
      BadInput("two values", "{\"orderId\":1}{}", .notJSON, names: "byte"),
      BadInput("an array", "[]", .notAnObject, names: "object"),
      BadInput("a number", "7", .notAnObject, names: "object"),
      BadInput("no order", "{}", .orderIDMissing, names: "orderId"),
      BadInput("another name", "{\"order_id\":7}", .orderIDMissing, names: "orderId"),
      BadInput("null", "{\"orderId\":null}", .orderIDMissing, names: "orderId"),
      BadInput("duplicate members", "{\"orderId\":1,\"orderId\":2}", .duplicateMember, names: "orderId"),
      BadInput("a deep nest", String(repeating: "[", count: 10_000), .notJSON, names: "deep"),
      BadInput(
        "a deep member", "{\"orderId\":1,\"x\":" + String(repeating: "{\"a\":", count: 10_000) + "1", .notJSON,
        names: "deep"),
      BadInput("an unknown account", "{\"orderId\":1,\"account\":\"nobody\"}", .accountUnknown, names: "nobody"),
      BadInput("an unknown priority", "{\"orderId\":1,\"priority\":\"asap\"}", .memberInvalid, names: "priority"),
      BadInput("no date", "{\"orderId\":1,\"deadline\":\"tomorrow\"}", .memberInvalid, names: "deadline"),
      BadInput(
        "no such day", "{\"orderId\":1,\"deadline\":\"2026-02-30T00:00:00Z\"}", .memberInvalid, names: "deadline"),
      BadInput(
        "seconds for milliseconds", "{\"orderId\":1,\"decidedAt\":1785402900}", .memberInvalid, names: "decidedAt"),
      BadInput("a context that is no object", "{\"orderId\":1,\"context\":[]}", .memberInvalid, names: "context"),
      BadInput(
        "a long reason", "{\"orderId\":1,\"reason\":\"\(String(repeating: "x", count: 2000))\"}", .memberInvalid,
        names: "reason"),
    ]
    for order in [
      "0", "-1", "1.5", "1e30", "9223372036854775808", "\"\"", "\"seven\"", "\"0x7\"", "\" 7\"", "true", "[7]", "{}",
    ] {
      inputs.append(BadInput("order \(order)", "{\"orderId\":\(order)}", .orderIDInvalid, names: "orderId"))
    }
    var large = BadInput(
      "a megabyte", "{\"orderId\":1,\"x\":\"\(String(repeating: "y", count: 960_000))\"", .notJSON, names: "byte")
    large.key = Array("large".utf8)
    inputs.append(large)
    var hostile = BadInput("hostile headers", "{}", .orderIDMissing, names: "orderId")
    hostile.headers = [
      KafkaHeader(name: "", value: [0xFF, 0x00]), KafkaHeader(name: "correlation-id", value: nil),
      KafkaHeader(name: "correlation-id", value: "a\r\nb\u{0}"), KafkaHeader(name: "traceparent", value: "not-a-trace"),
      KafkaHeader(name: String(repeating: "n", count: 3000), value: String(repeating: "v", count: 100_000)),
    ]
    inputs.append(hostile)
    var keyed = BadInput("a hostile key", "[", .notJSON, names: "byte")
    keyed.key = (0..<200_000).map { UInt8(truncatingIfNeeded: $0) }
    inputs.append(keyed)
    return inputs
  }()

  @Test(.timeLimit(.minutes(3)))
  func eachBadInputHasOneProblemAndHarmsNoNeighbour() async throws {
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    let stage = try await Stage.make(simulation: simulation, settings: ["QUOTA_CALLS": "0"])
    let worker = try stage.worker()
    let producer = try KafkaProducer(
      configuration: TestBroker.configuration, transactionalID: nil, logger: TestBroker.logger)
    let topic = stage.topics.names.requests
    // Each stands between two good ones on its partition.
    let records = BadInputTests.inputs.enumerated().flatMap { number, bad in
      let partition = Int32(number % 4)
      let good = { (order: Int) in
        KafkaRecord(
          topic: topic, partition: partition, key: Array("k".utf8), value: Array("{\"orderId\":\(order)}".utf8))
      }
      return [
        good(5_000_000 + number),
        KafkaRecord(
          topic: topic, partition: partition, key: bad.key, value: bad.value, headers: bad.headers),
        good(6_000_000 + number),
      ]
    }
    let positions = try await producer.publish(records)
    await producer.close(timeout: .seconds(5))
    let results = try await stage.results(records.count)
    #expect(await worker.stop() == 0)

    let bySource = Dictionary(grouping: results) {
      KafkaRecordPosition(partition: $0.source.partition, offset: $0.source.offset)
    }
    for (number, bad) in BadInputTests.inputs.enumerated() {
      let found = bySource[positions[3 * number + 1]] ?? []
      #expect(found.count == 1, "\(bad.name)")
      guard let result = found.first else { continue }
      #expect(result.outcome == .invalid, "\(bad.name)")
      #expect(result.problem?.problemType == bad.problem, "\(bad.name): \(String(describing: result.problem))")
      let detail = result.problem?.detail ?? ""
      #expect(detail.contains(bad.names), "\(bad.name): \(detail)")
      for neighbour in [positions[3 * number], positions[3 * number + 2]] {
        #expect(bySource[neighbour]?.map(\.outcome) == [.accepted], "beside \(bad.name)")
      }
    }
    try await compareDeadLetters(stage, positions)
    #expect(stage.simulator.state.callsPerOrder.count == 2 * BadInputTests.inputs.count)
    print("bad inputs tried: \(BadInputTests.inputs.count)")
    await stage.clear()
  }

  /// Each dead letter is its message byte for byte, unless that is too large to take more headers.
  private func compareDeadLetters(_ stage: Stage, _ positions: [KafkaRecordPosition]) async throws {
    let letters = Mutex<[KafkaRecordPosition: KafkaMessage]>([:])
    _ = try await KafkaPartitionReader.readToEnd(
      configuration: TestBroker.configuration, topic: stage.topics.names.deadLetters,
      from: Dictionary(uniqueKeysWithValues: (0..<4).map { (Int32($0), Int64(0)) }), logger: TestBroker.logger
    ) { messages in
      for message in messages {
        func number(_ name: String) -> Int64 {
          let value = message.headers.last { $0.name == name }?.value ?? []
          return Int64(String(decoding: value, as: UTF8.self)) ?? -1
        }
        let position = KafkaRecordPosition(
          partition: Int32(number("dead-letter-partition")), offset: number("dead-letter-offset"))
        letters.withLock { $0[position] = message }
      }
    }
    let found = letters.withLock { $0 }
    #expect(found.count == BadInputTests.inputs.count)
    for (number, bad) in BadInputTests.inputs.enumerated() {
      let letter = found[positions[3 * number + 1]]
      if (bad.value?.count ?? 0) > 900_000 {
        #expect(letter?.value == nil && letter?.headers.last?.name == "dead-letter-left-out-bytes", "\(bad.name)")
      } else {
        #expect(letter?.value == bad.value && letter?.key == bad.key, "\(bad.name)")
        #expect(letter?.headers.prefix(bad.headers.count).map(\.value) == bad.headers.map(\.value), "\(bad.name)")
      }
    }
  }
}
