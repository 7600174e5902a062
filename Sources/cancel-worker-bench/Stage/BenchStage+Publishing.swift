import Foundation
import Kafka

extension BenchStage {
  private static let chunk = 20_000

  /// Publishes one request for each number, keyed by its order.
  func send(
    _ orders: Range<Int>, priority: String = "routine", account: @escaping @Sendable (Int) -> String? = { _ in nil }
  ) async throws {
    let topic = names.requests
    try await publish(orders) { orders in
      orders.map { order in
        let member = account(order).map { ",\"account\":\"\($0)\"" } ?? ""
        return KafkaRecord(
          topic: topic, key: Array("\(order)".utf8),
          value: Array("{\"orderId\":\(order),\"priority\":\"\(priority)\"\(member)}".utf8))
      }
    }
  }

  /// Fills the ledger with orders that are settled.
  func remember(_ orders: Range<Int>) async throws {
    let ledger = SettledLedger(topic: names.ledger, partitions: partitions)
    try await publish(orders) { ledger.records(of: $0) }
  }

  private func publish(_ orders: Range<Int>, _ records: @Sendable (Range<Int>) -> [KafkaRecord]) async throws {
    let producer = try KafkaProducer(configuration: kafka, transactionalID: nil, logger: BenchStage.logger)
    var next = orders.lowerBound
    while next < orders.upperBound {
      let end = min(next + BenchStage.chunk, orders.upperBound)
      try await producer.publish(records(next..<end))
      next = end
    }
    await producer.close(timeout: .seconds(5))
  }
}
