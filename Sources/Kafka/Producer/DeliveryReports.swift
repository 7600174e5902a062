import CRdkafka
import Synchronization

/// What librdkafka's background thread tells of a producer: errors, and the fate of each record.
final class DeliveryReports: ClientCallbacks {
  struct Report {
    var code: rd_kafka_resp_err_t
    var partition: Int32
    var offset: Int64
  }

  private let onFailure: @Sendable (KafkaError) -> Void
  private let reports = Mutex<[Report]>([])

  init(onFailure: @escaping @Sendable (KafkaError) -> Void) {
    self.onFailure = onFailure
  }

  func clientFailed(_ error: KafkaError) { onFailure(error) }

  /// Forgets the reports of the publishing before.
  func begin() { reports.withLock { $0.removeAll(keepingCapacity: true) } }

  /// The reports by the records' order, once all have come.
  func end() -> [Report] { reports.withLock { $0 } }

  func delivered(_ event: OpaquePointer) {
    reports.withLock { reports in
      while let message = rd_kafka_event_message_next(event) {
        // A record's number, counted from one, travels as its opaque pointer; those of transactions have none.
        guard let opaque = message.pointee._private else { continue }
        let index = Int(bitPattern: opaque) - 1
        let missing = Report(code: RD_KAFKA_RESP_ERR__FAIL, partition: -1, offset: -1)
        while reports.count <= index { reports.append(missing) }
        reports[index] = Report(
          code: message.pointee.err, partition: message.pointee.partition, offset: message.pointee.offset)
      }
    }
  }
}
