import CancelContract
import CancelCore

/// Watches the worker at its work: metrics, traces, the log and the live page are observers.
///
/// Every method is called on the worker's event loop and must return at once.
public protocol WorkerObserver: Sendable {
  /// Whether `arrived` is to be called; `false` unless the observer says otherwise.
  var seesArrivals: Bool { get }
  /// A request was read and is about to be given to the engine. What the observer changes in its echoed headers (a
  /// trace's context) goes on with the request into the ledger, its calls and its result.
  func arrived(_ request: inout ReceivedRequest, at now: Timestamp)
  /// A record that is no request was read and is about to be refused; its echoed headers may be changed likewise.
  func arrived(_ unreadable: inout UnreadableRequest, at now: Timestamp)
  /// A request to sweep was read and is about to be given to the engine; its echoed headers, which those of its orders
  /// are made from, may be changed likewise.
  func arrived(_ sweep: inout ReceivedSweep, at now: Timestamp)
  /// A record was taken as a request.
  func received(_ request: ReceivedRequest, _ receipt: CancelEngine.Receipt, at now: Timestamp)
  /// A call is sent.
  func sent(_ call: Call, at now: Timestamp)
  /// A call was answered, `duration` after it was sent.
  func answered(_ call: Call, _ answer: CancelAnswer, after duration: Duration, at now: Timestamp)
  /// These results are published: their transaction is committed.
  func published(_ results: [CancelResult], refused: [RefusedMessage], at now: Timestamp)
  /// A record was taken as a request to sweep.
  func received(_ sweep: ReceivedSweep, _ receipt: CancelEngine.Receipt, at now: Timestamp)
  /// These records of campaigns are published.
  func campaignsChanged(_ updates: [CampaignUpdate])
  /// These confirmations are published.
  func confirmed(_ events: [ConfirmationEvent], at now: Timestamp)
  /// A transaction was committed.
  func committed(records: Int, after duration: Duration)
  /// A transaction was aborted and will be built again.
  func aborted(_ error: any Error)
  /// What holds calls back, or whether a broker can be reached, changed. Told on any thread for the brokers.
  func changed(_ change: WorkerChange)
  /// Partitions were assigned to this worker.
  func assigned(_ partitions: [Int32])
  /// The ledger of these partitions was read: `records` of them.
  func restored(_ partitions: [Int32], records: Int, after duration: Duration)
  /// Partitions were given up, or lost.
  func gaveUp(_ partitions: [Int32], lost: Bool)
}

extension WorkerObserver {
  /// No: most observers begin with what was received.
  public var seesArrivals: Bool { false }
  /// Nothing, unless the observer wants to know.
  public func arrived(_ request: inout ReceivedRequest, at now: Timestamp) {}
  /// Nothing, unless the observer wants to know.
  public func arrived(_ unreadable: inout UnreadableRequest, at now: Timestamp) {}
  /// Nothing, unless the observer wants to know.
  public func arrived(_ sweep: inout ReceivedSweep, at now: Timestamp) {}
  /// Nothing, unless the observer wants to know.
  public func received(_ request: ReceivedRequest, _ receipt: CancelEngine.Receipt, at now: Timestamp) {}
  /// Nothing, unless the observer wants to know.
  public func sent(_ call: Call, at now: Timestamp) {}
  /// Nothing, unless the observer wants to know.
  public func answered(_ call: Call, _ answer: CancelAnswer, after duration: Duration, at now: Timestamp) {}
  /// Nothing, unless the observer wants to know.
  public func published(_ results: [CancelResult], refused: [RefusedMessage], at now: Timestamp) {}
  /// Nothing, unless the observer wants to know.
  public func received(_ sweep: ReceivedSweep, _ receipt: CancelEngine.Receipt, at now: Timestamp) {}
  /// Nothing, unless the observer wants to know.
  public func campaignsChanged(_ updates: [CampaignUpdate]) {}
  /// Nothing, unless the observer wants to know.
  public func confirmed(_ events: [ConfirmationEvent], at now: Timestamp) {}
  /// Nothing, unless the observer wants to know.
  public func committed(records: Int, after duration: Duration) {}
  /// Nothing, unless the observer wants to know.
  public func aborted(_ error: any Error) {}
  /// Nothing, unless the observer wants to know.
  public func changed(_ change: WorkerChange) {}
  /// Nothing, unless the observer wants to know.
  public func assigned(_ partitions: [Int32]) {}
  /// Nothing, unless the observer wants to know.
  public func restored(_ partitions: [Int32], records: Int, after duration: Duration) {}
  /// Nothing, unless the observer wants to know.
  public func gaveUp(_ partitions: [Int32], lost: Bool) {}
}

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
