import CancelContract
import Foundation
import Kafka
import Simulation
import Synchronization
import Testing

/// A real broker shows what the simulation's model of Kafka shows.
@Suite(.serialized, .enabled(if: TestBroker.bootstrap != nil, "KAFKA_BOOTSTRAP names no broker"))
struct KafkaScriptTests {
  private static let scripts = KafkaScript.all.filter { TestBroker.isFullKafka || !$0.needsFullKafka }

  @Test(.timeLimit(.minutes(3)), arguments: scripts)
  func theBrokerShowsWhatTheModelShows(script: KafkaScript) async throws {
    let stage = try await ScriptedBroker.make()
    do {
      for (index, step) in script.steps.enumerated() {
        try await stage.perform(step, "step \(index) of \(script), \(step)")
      }
    } catch {
      await stage.clear()
      throw error
    }
    await stage.clear()
  }
}

/// Plays scripts on a broker: one partition, one transactional id, one group.
private final class ScriptedBroker: Sendable {
  private struct State {
    var producers: [String: KafkaProducer] = [:]
    var transactions: [String: OpenTransaction] = [:]
    var member: Member?
  }

  private let topic: String
  /// Where the group's positions lie: they must not lie beyond the end of their log.
  private let positionsTopic: String
  private let group: String
  private let state = Mutex(State())

  private init(topic: String, positionsTopic: String, group: String) {
    self.topic = topic
    self.positionsTopic = positionsTopic
    self.group = group
  }

  static func make() async throws -> ScriptedBroker {
    let topics = try await TestTopics.create(partitions: 1)
    let producer = try KafkaProducer(
      configuration: TestBroker.configuration, transactionalID: nil, logger: TestBroker.logger)
    try await producer.publish(
      (0..<20).map { KafkaRecord(topic: topics.names.requests, key: nil, value: Array("\($0)".utf8)) })
    await producer.close(timeout: .seconds(5))
    return ScriptedBroker(topic: topics.names.ledger, positionsTopic: topics.names.requests, group: topics.group)
  }

  func perform(_ step: KafkaScript.Step, _ what: String) async throws {
    switch step {
    case .start(let name):
      let producer = try KafkaProducer(
        configuration: TestBroker.configuration, transactionalID: group, logger: TestBroker.logger)
      try await producer.initTransactions(timeout: .seconds(30))
      state.withLock { $0.producers[name] = producer }
    case .begin(let name, let position):
      let producer = try #require(state.withLock { $0.producers[name] })
      let member = position == nil ? nil : try await self.member()
      let transaction = OpenTransaction(
        producer, topic: topic,
        position: position.map { (KafkaTopicPartition(topic: positionsTopic, partition: 0), $0) }, member)
      state.withLock { $0.transactions[name] = transaction }
    case .write(let name, let keys):
      let transaction = try #require(state.withLock { $0.transactions[name] })
      let end = try await end() + Int64(keys.count)
      transaction.write(keys)
      // A producer sends by itself; what follows is about records that are there.
      _ = try await eventually(what, within: .seconds(20)) { try await self.end() >= end ? true : nil }
    case .commit(let name, let succeeds):
      let isCommitted = await take(name)?.finish(commits: true)
      #expect(isCommitted == succeeds, "\(what)")
    case .abort(let name): _ = await take(name)?.finish(commits: false)
    case .shows(let keys):
      // Decided transactions are marked a moment later.
      _ = try await eventually(what, within: .seconds(20)) { try await self.committedKeys() == keys ? true : nil }
    case .ends(let offset):
      _ = try await eventually(what, within: .seconds(20)) { try await self.end() == offset ? true : nil }
    case .position(let offset):
      _ = try await eventually(what, within: .seconds(60)) {
        await self.closeMember()
        return try await self.member().startOffset == offset ? true : nil
      }
    }
  }

  func clear() async {
    let (names, producers) = state.withLock { (Array($0.transactions.keys), Array($0.producers.values)) }
    for name in names { _ = await take(name)?.finish(commits: false) }
    await closeMember()
    for producer in producers { await producer.close(timeout: .seconds(5)) }
  }

  private func take(_ name: String) -> OpenTransaction? { state.withLock { $0.transactions.removeValue(forKey: name) } }

  private func end() async throws -> Int64 {
    try await KafkaPartitionReader.ends(
      configuration: TestBroker.configuration, topic: topic, partitions: [0], logger: TestBroker.logger)[0] ?? 0
  }

  /// By a reader that stops where a record may still change, as one that follows the topic does.
  private func committedKeys() async throws -> [String] {
    let tail = try await KafkaTail.open(
      configuration: TestBroker.configuration, topic: topic, from: .beginning, logger: TestBroker.logger)
    let keys = Mutex<[String]>([])
    let reading = Task {
      try await tail.run { messages in
        keys.withLock { $0 += messages.map { String(decoding: $0.key ?? [], as: UTF8.self) } }
        return .continue
      }
    }
    try await Task.sleep(for: .milliseconds(700))
    reading.cancel()
    try await reading.value
    return keys.withLock { $0 }
  }

  private func member() async throws -> Member {
    if let member = state.withLock({ $0.member }) { return member }
    let member = try await Member.join(group: group, topic: positionsTopic)
    state.withLock { $0.member = member }
    return member
  }

  private func closeMember() async {
    let member = state.withLock { state in
      defer { state.member = nil }
      return state.member
    }
    await member?.consumer.close(timeout: .seconds(10))
  }
}

/// A member of the group that was given the partition.
private struct Member: Sendable {
  let consumer: KafkaConsumer
  let assignment: KafkaAssignmentID
  let startOffset: Int64?

  static func join(group: String, topic: String) async throws -> Member {
    let handler = AssignmentHandler()
    let consumer = KafkaConsumer(
      configuration: TestBroker.configuration, groupID: group, groupInstanceID: nil, topics: [topic], handler: handler,
      logger: TestBroker.logger, maxOutstanding: 100)
    try consumer.start()
    let (assignment, startOffset) = try await eventually("an assignment of \(topic)", within: .seconds(60)) {
      handler.found.withLock { $0 }
    }
    return Member(consumer: consumer, assignment: assignment, startOffset: startOffset)
  }
}

private final class AssignmentHandler: KafkaConsumerHandler {
  let found = Mutex<(KafkaAssignmentID, Int64?)?>(nil)

  func assigned(_ partitions: [KafkaAssignment], under assignment: KafkaAssignmentID) {
    if let first = partitions.first { found.withLock { $0 = (assignment, first.startOffset) } }
  }
  func received(_ messages: [KafkaMessage], under assignment: KafkaAssignmentID) {}
  func revoked(_ partitions: [KafkaTopicPartition], under assignment: KafkaAssignmentID) {}
  func lost(_ partitions: [KafkaTopicPartition], under assignment: KafkaAssignmentID) {}
  func failed(_ error: KafkaError) { Issue.record("\(error)") }
}

/// A transaction that stays open until it is told how to end: the producer's own thread waits in it for what to write.
private final class OpenTransaction: Sendable {
  private enum Command {
    case write([String])
    case end(commits: Bool)
  }

  private struct GivenUp: Error {}

  private let queue: CommandQueue
  private let signal = DispatchSemaphore(value: 0)
  private let outcome: Task<Bool, Never>

  init(
    _ producer: KafkaProducer, topic: String, position: (place: KafkaTopicPartition, offset: Int64)?, _ member: Member?
  ) {
    let (commands, signal) = (CommandQueue(), signal)
    queue = commands
    outcome = Task {
      do {
        try await producer.transact(
          offsets: position.map { [$0.place: $0.offset] } ?? [:],
          consumer: member?.consumer, assignment: member?.assignment
        ) { sink in
          while true {
            signal.wait()
            switch commands.next() {
            case .write(let keys)?:
              for key in keys {
                try sink.send(topic: topic, partition: 0, key: Array(key.utf8), value: Array("v".utf8))
              }
            case .end(commits: true)?: return
            case .end(commits: false)?: throw GivenUp()
            case nil: continue
            }
          }
        }
        return true
      } catch {
        return false
      }
    }
  }

  private final class CommandQueue: Sendable {
    private let commands = Mutex<[Command]>([])
    func put(_ command: Command) { commands.withLock { $0.append(command) } }
    func next() -> Command? { commands.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
  }

  func write(_ keys: [String]) { tell(.write(keys)) }

  /// - Returns: whether it was committed.
  func finish(commits: Bool) async -> Bool {
    tell(.end(commits: commits))
    return await outcome.value
  }

  private func tell(_ command: Command) {
    queue.put(command)
    signal.signal()
  }
}
