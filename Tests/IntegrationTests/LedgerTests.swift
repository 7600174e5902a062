import CancelContract
import EToroSimulator
import Foundation
import Kafka
import Synchronization
import Testing

/// What the ledger topic holds, over the worker's starts.
@Suite(.serialized, .enabled(if: TestBroker.bootstrap != nil, "KAFKA_BOOTSTRAP names no broker"))
struct LedgerTests {
  private func stage(_ settings: [String: String] = [:]) async throws -> Stage {
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    return try await Stage.make(
      partitions: 2, simulation: simulation, settings: settings.merging(["QUOTA_CALLS": "0"]) { given, _ in given })
  }

  @Test(.timeLimit(.minutes(2)))
  func aRecordOfANewerVersionStopsTheWorker() async throws {
    let stage = try await stage()
    let producer = try KafkaProducer(
      configuration: TestBroker.configuration, transactionalID: nil, logger: TestBroker.logger)
    // In both partitions: one whose ledger is read before the other's may be served until that one is found.
    try await producer.publish(
      (0..<2).map { partition in
        KafkaRecord(
          topic: stage.topics.names.ledger, partition: partition, key: Array("17@a0".utf8), value: [250, 1, 2, 3])
      })
    try await stage.send((0..<20).map { (0, 1_000_000 + $0, "routine") })
    let status = await (try stage.worker()).waitForExit()
    let log = try String(contentsOf: stage.log(), encoding: .utf8)
    #expect(status != 0)
    #expect(log.contains("version 250") && log.contains("partition "), "the log does not say what is wrong")
    #expect(stage.simulator.state.totalCalls == 0)
    #expect(try await stage.topics.results().isEmpty)

    await producer.close(timeout: .seconds(5))
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(2)))
  func whatIsPastItsWindowIsTombstoned() async throws {
    let stage = try await stage(["DEDUP_ACCEPTED_WINDOW": "1s", "DEDUP_REJECTED_WINDOW": "500ms"])
    let worker = try stage.worker()
    try await stage.send((0..<50).map { (0, 1_000_000 + $0, "routine") })
    _ = try await stage.results(50)
    _ = try await stage.eventually("the tombstones of what is past its window") {
      try await remembered(stage).isEmpty ? true : nil
    }
    // The window has passed, so the orders are called for again.
    try await stage.send((0..<50).map { (0, 1_000_000 + $0, "routine") })
    let results = try await stage.results(100)
    #expect(results.allSatisfy { !$0.deduplicated })
    #expect(stage.simulator.state.totalCalls == 100)
    #expect(await worker.stop() == 0)
    await stage.clear()
  }

  /// The keys that have a value, once the ledger is compacted.
  private func remembered(_ stage: Stage) async throws -> Set<[UInt8]> {
    let keys = Mutex<Set<[UInt8]>>([])
    _ = try await KafkaPartitionReader.readToEnd(
      configuration: TestBroker.configuration, topic: stage.topics.names.ledger, from: [0: 0, 1: 0],
      logger: TestBroker.logger
    ) { messages in
      for message in messages {
        guard let key = message.key else { continue }
        keys.withLock { if message.value == nil { $0.remove(key) } else { $0.insert(key) } }
      }
    }
    return keys.withLock { $0 }
  }
}
