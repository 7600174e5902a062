import CancelCore
import Kafka
import Logging
import Synchronization

/// Reads ledger partitions to their end.
final class LedgerRestorer: LedgerReader {
  private let configuration: KafkaClientConfiguration
  private let topic: String
  private let logger: Logger
  private let state = Mutex(State())

  private struct State {
    var reading = 0
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  /// More would hold more memory; one alone could be held up by a partition that nobody leads.
  private static let partitionsAtATime = 2
  /// A partition of which nothing comes for so long gives its turn to the next one, and is read again later.
  private static let patience = Duration.seconds(10)

  init(configuration: KafkaClientConfiguration, topic: String, logger: Logger) {
    self.configuration = configuration
    self.topic = topic
    self.logger = logger
  }

  func read(
    _ partition: Int32, from offset: Int64, onRecords: @escaping @Sendable ([KafkaMessage]) throws -> Void
  ) async throws {
    await begin()
    defer { end() }
    _ = try await KafkaPartitionReader.readToEnd(
      configuration: configuration, topic: topic, from: [partition: offset], logger: logger,
      timeout: LedgerRestorer.patience, onBatch: onRecords)
  }

  func ends(of partitions: [Int32]) async throws -> [Int32: Int64] {
    try await KafkaPartitionReader.ends(
      configuration: configuration, topic: topic, partitions: partitions, logger: logger)
  }

  private func begin() async {
    await withCheckedContinuation { continuation in
      let mayBegin = state.withLock { state in
        guard state.reading >= LedgerRestorer.partitionsAtATime else {
          state.reading += 1
          return true
        }
        state.waiting.append(continuation)
        return false
      }
      if mayBegin { continuation.resume() }
    }
  }

  private func end() {
    let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
      state.reading -= 1
      return nil
    }
    next?.resume()
  }
}
