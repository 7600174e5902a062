import CancelContract
import CancelCore
import FoundationEssentials
import Kafka

/// Ledger records of orders that were cancelled, as the worker's own decisions write them.
struct SettledLedger: Sendable {
  let topic: String
  let partitions: Int

  /// The records of these orders, a moment old.
  func records(of orders: Range<Int>) -> [KafkaRecord] {
    var policy = CancelPolicy()
    policy.quotaCalls = 0
    policy.maxInFlight = 1
    var engine = CancelEngine(policy: policy, defaultAccount: "default", seed: 1)
    let now = Timestamp(microseconds: Int64(Date.now.timeIntervalSince1970 * 1e6))
    engine.configure(accounts: ["default": QuotaKey(index: 0)], at: now)
    for partition in 0..<Int32(partitions) {
      let assignment = Assignment(partition: partition, number: 1)
      engine.assign(assignment)
      engine.restored(assignment, position: 0, at: now)
    }
    for order in orders { cancel(order, &engine, at: now) }
    guard let batch = engine.nextBatch() else { return [] }
    return batch.ledger.map {
      KafkaRecord(topic: topic, partition: $0.partition, key: $0.key, value: $0.value)
    }
  }

  private func cancel(_ order: Int, _ engine: inout CancelEngine, at now: Timestamp) {
    guard let orderID = OrderID(Int64(order)) else { return }
    let request = ReceivedRequest(
      request: CancelRequest(cancelID: UUID().uuidString.lowercased(), orderID: orderID),
      source: SourceCoordinates(
        topic: topic, partition: Int32(order % partitions), offset: Int64(order / partitions)),
      producedAt: now, receivedAt: now)
    _ = engine.receive(request, at: now)
    guard let call = engine.nextCall(at: now, requestID: { UUID() }) else { return }
    engine.answered(
      call.id, CancelAnswer(kind: .accepted, httpStatus: 200, token: UUID().uuidString.lowercased()), at: now)
  }
}
