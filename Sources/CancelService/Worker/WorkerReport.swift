import CancelContract
import CancelCore

/// What a worker tells those who watch it.
package enum WorkerReport: Sendable {
  case received(ReceivedRequest, CancelEngine.Receipt)
  case sent(Call)
  case answered(Call, CancelAnswer, after: Duration)
  case published([CancelResult], refused: [RefusedMessage])
  case receivedSweep(ReceivedSweep, CancelEngine.Receipt)
  case campaigns([CampaignUpdate])
  case confirmed([ConfirmationEvent])
  case committed(records: Int, after: Duration)
  case aborted(any Error)
  case assigned([Int32])
  case restored([Int32], records: Int, after: Duration)
  case gaveUp([Int32], lost: Bool)
  case clockStepped(by: Duration)
}

extension WorkerObserver {
  /// Hears a report through the function that is made for it.
  func hear(_ report: WorkerReport, at now: Timestamp) {
    switch report {
    case .received(let request, let receipt): received(request, receipt, at: now)
    case .sent(let call): sent(call, at: now)
    case .answered(let call, let answer, let duration): answered(call, answer, after: duration, at: now)
    case .published(let results, let refused): published(results, refused: refused, at: now)
    case .receivedSweep(let sweep, let receipt): received(sweep, receipt, at: now)
    case .campaigns(let updates): campaignsChanged(updates)
    case .confirmed(let events): confirmed(events, at: now)
    case .committed(let records, let duration): committed(records: records, after: duration)
    case .aborted(let error): aborted(error)
    case .assigned(let partitions): assigned(partitions)
    case .restored(let partitions, let records, let duration): restored(partitions, records: records, after: duration)
    case .gaveUp(let partitions, let lost): gaveUp(partitions, lost: lost)
    case .clockStepped(let step): changed(.clockStepped(by: step))
    }
  }
}
