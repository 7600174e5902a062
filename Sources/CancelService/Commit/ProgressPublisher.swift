import CancelContract
import CancelCore
import Kafka
import Logging
import Synchronization

/// Publishes notices of waits to the progress topic, outside any transaction and at best effort: a missing topic is told
/// once and harms nothing.
final class ProgressPublisher: NoticePublisher {
  private let producer: KafkaProducer
  private let topic: String
  private let encoder: ProgressEncoder
  private let logger: Logger
  private let state = Mutex(State())

  private struct State {
    var waiting: [WaitNotice] = []
    var isPublishing = false
    var wasTold = false
  }

  /// Notices beyond this many are dropped: the next one of the same request says the same, more exactly.
  private static let mostWaiting = 20_000

  init(setup: WorkerSetup, logger: Logger) throws {
    producer = try KafkaProducer(configuration: setup.kafka, transactionalID: nil, logger: logger)
    topic = setup.topics.progress
    encoder = ProgressEncoder(
      worker: WorkerIdentity(instance: setup.instanceID, version: setup.version), eventSource: setup.eventSource)
    self.logger = logger
  }

  func publish(_ notices: [WaitNotice]) {
    let starts = state.withLock { state in
      state.waiting.append(contentsOf: notices.prefix(ProgressPublisher.mostWaiting - state.waiting.count))
      defer { state.isPublishing = true }
      return !state.isPublishing
    }
    if starts { Task { await publishWaiting() } }
  }

  private func publishWaiting() async {
    while let notices = next() {
      do {
        try await producer.publish { [topic, encoder] sink in
          for notice in notices { try sink.send(encoder.encode(ProgressEvent(notice)), to: topic) }
        }
      } catch {
        tell(error)
      }
    }
  }

  private func next() -> [WaitNotice]? {
    state.withLock { state in
      guard !state.waiting.isEmpty else {
        state.isPublishing = false
        return nil
      }
      defer { state.waiting = [] }
      return state.waiting
    }
  }

  private func tell(_ error: any Error) {
    let isFirst = state.withLock { state in
      defer { state.wasTold = true }
      return !state.wasTold
    }
    if isFirst { logger.warning("progress events can't be published", metadata: ["error": "\(error)"]) }
  }
}

extension ProgressEvent {
  init(_ notice: WaitNotice) {
    let received = notice.received
    let reason: Reason =
      switch notice.reason {
      case .quota: .quota
      case .outage: .outage
      case .breakerHeld: .breakerHeld
      case .held: .held
      }
    self.init(
      echo: received.echo, orderID: received.request.orderID, account: notice.account, reason: reason,
      place: notice.place, estimatedAt: notice.estimatedAt, waitingSince: received.receivedAt,
      reportedAt: notice.reportedAt, sequence: Int(notice.sequence))
  }
}
