import CancelContract
import Kafka
import Logging
import Synchronization

/// Reads what operators hold back from the control topic, and follows it.
package struct HoldFollower: Sendable {
  private let configuration: KafkaClientConfiguration
  private let topic: String
  private let logger: Logger
  /// How long a broker that can't be asked is left alone before it is asked again.
  private static let pause = Duration.seconds(1)

  /// A reader of that control topic.
  package init(configuration: KafkaClientConfiguration, topic: String, logger: Logger) {
    self.configuration = configuration
    self.topic = topic
    self.logger = logger
  }

  /// The holds as the topic tells them now, and the offsets behind what was read.
  package struct Standing: Sendable {
    /// What is held.
    package var holds = Holds()
    var next: [Int32: Int64] = [:]
  }

  /// Reads the topic to its end.
  ///
  /// - Throws: `KafkaError`; `CancellationError` where the task is cancelled.
  package func read() async throws -> Standing {
    let tail = try await KafkaTail.open(
      configuration: configuration, topic: topic, from: .beginning, logger: logger, timeout: .seconds(5))
    let standing = Mutex(Standing())
    let ends = try await KafkaPartitionReader.readToEnd(
      configuration: configuration, topic: topic, from: tail.startOffsets, logger: logger
    ) { messages in standing.withLock { $0.take(messages, logger) } }
    var result = standing.withLock { $0 }
    result.next = ends
    return result
  }

  /// Tells the holds at every change from `standing` on, until the task is cancelled. While the broker can't be asked,
  /// what is in force stays so.
  func follow(from standing: Standing, tell: @escaping @Sendable (Holds) async -> Void) async {
    var standing = standing
    while !Task.isCancelled {
      do {
        let (changes, change) = AsyncStream.makeStream(of: Holds.self, bufferingPolicy: .bufferingNewest(1))
        let start = standing
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask {
            for await holds in changes { await tell(holds) }
          }
          group.addTask {
            defer { change.finish() }
            try await run(from: start) { change.yield($0) }
          }
          try await group.waitForAll()
        }
      } catch {
        logger.warning("the control topic can't be read now; holds stay as they are", metadata: ["error": "\(error)"])
      }
      while !Task.isCancelled {
        try? await Task.sleep(for: HoldFollower.pause)
        guard let renewed = try? await read() else { continue }
        standing = renewed
        await tell(renewed.holds)
        break
      }
    }
  }

  private func run(from start: Standing, tell: @escaping @Sendable (Holds) -> Void) async throws {
    let tail = try await KafkaTail.open(
      configuration: configuration, topic: topic, from: .offsets(start.next), logger: logger, timeout: .seconds(5),
      fetchWait: .milliseconds(500))
    let standing = Mutex(start)
    try await tail.run { messages in
      standing.withLock { $0.take(messages, logger) }
      tell(standing.withLock { $0.holds })
      return .continue
    }
  }
}

extension HoldFollower.Standing {
  fileprivate mutating func take(_ messages: [KafkaMessage], _ logger: Logger) {
    for message in messages where message.value != nil {
      do {
        let headers = message.headers.map { RecordHeader(name: $0.name, value: $0.value) }
        holds.take(try HoldDecoder().decode(value: message.value, headers: headers))
      } catch {
        logger.error(
          "a record of the control topic can't be read and changes nothing",
          metadata: [
            "topic": "\(message.topic)", "partition": "\(message.partition)", "offset": "\(message.offset)",
            "error": "\(error)",
          ])
      }
    }
  }
}
