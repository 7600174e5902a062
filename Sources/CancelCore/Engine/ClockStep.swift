import CancelContract

/// What a step of the clock does to times that are kept.
///
/// The worker's time is a wall time that does not jump, unless the system's clock is set by more than a second. Then the
/// times that were told by the clock as it was keep their distance to the present, and times that somebody else set
/// (a deadline, the stamp of a record) stay what they are.
extension Timestamp {
  /// The same moment by the clock as it is after a step; what stands for never or always stays.
  package func afterClockStep(_ step: Duration) -> Timestamp {
    self == .distantPast || self == .distantFuture ? self : self + step
  }

  /// Becomes the same moment by the clock as it is after a step.
  package mutating func clockStepped(by step: Duration) { self = afterClockStep(step) }
}

/// A request and when it came. Where its record had no usable stamp, it counts as produced when it was received, and
/// then both are told by the worker's clock.
package protocol ClockedArrival {
  var producedAt: Timestamp { get set }
  var receivedAt: Timestamp { get set }
}

extension ReceivedRequest: ClockedArrival {}
extension ReceivedSweep: ClockedArrival {}
extension UnreadableRequest: ClockedArrival {}

extension ClockedArrival {
  /// - Returns: whether the time of its production was told by the worker's clock, and has moved.
  @discardableResult
  package mutating func clockStepped(by step: Duration) -> Bool {
    let isProducedByThisClock = producedAt == receivedAt
    receivedAt.clockStepped(by: step)
    if isProducedByThisClock { producedAt.clockStepped(by: step) }
    return isProducedByThisClock
  }
}

extension OpenRequest {
  /// - Parameter sweepDeadline: the deadline of the sweep that made it; `nil` for a request of its own.
  /// - Returns: whether its deadline has moved, which only one that was counted from its receipt does.
  mutating func clockStepped(by step: Duration, sweepDeadline: Timestamp?) -> Bool {
    let earlier = deadline
    let isProducedByThisClock = received.clockStepped(by: step)
    if received.request.details.sweptBy != nil {
      deadline = sweepDeadline ?? deadline
      received.request.deadline = deadline
    } else if isProducedByThisClock, received.request.deadline == nil {
      deadline.clockStepped(by: step)
    }
    return deadline != earlier
  }
}

extension OpenOrder {
  /// - Returns: whether the ledger's record of it is no longer what it should be: of its calls, or of its deadlines.
  mutating func clockStepped(by step: Duration, sweepDeadline: (OpenRequest) -> Timestamp?) -> Bool {
    var hasMoved = false
    for index in requests.indices {
      let deadline = sweepDeadline(requests[index])
      if requests[index].clockStepped(by: step, sweepDeadline: deadline) { hasMoved = true }
    }
    if hasMoved {
      pieces?.markAllChanged()
      renewRank()
    }
    for index in sends.indices { sends[index].clockStepped(by: step) }
    for index in earlierSends.indices { earlierSends[index].clockStepped(by: step) }
    if case .backingOff(let key, let until) = stage {
      stage = .backingOff(key, until: until.afterClockStep(step))
    }
    wait.clockStepped(by: step)
    queuedAt.clockStepped(by: step)
    return hasMoved || !sends.isEmpty || !earlierSends.isEmpty
  }
}

extension Send {
  mutating func clockStepped(by step: Duration) {
    sentAt.clockStepped(by: step)
    answeredAt?.clockStepped(by: step)
  }
}

extension RememberedRecord {
  /// The record by the clock as it is after a step; `nil` where nothing in it is to move.
  ///
  /// Calls that hold slots move, so that whoever reads the ledger counts them for as long as this worker does; and so
  /// does the end of an outcome that is remembered for a moment. The end of an acceptance stays: nobody counts its
  /// seconds.
  ///
  /// - Parameter now: the time after the step.
  func afterClockStep(_ step: Duration, window: Duration, at now: Timestamp) -> RememberedRecord? {
    guard countsSeconds(window: window, at: now - step) else { return nil }
    switch decoded {
    case .settled(var settled):
      if settled.outcome != .accepted { settled.until.clockStepped(by: step) }
      for index in settled.sends.indices { settled.sends[index].clockStepped(by: step) }
      for index in settled.earlierSends.indices { settled.earlierSends[index].clockStepped(by: step) }
      return RememberedRecord(settled)
    case .calls(var sends):
      for index in sends.indices { sends[index].clockStepped(by: step) }
      return RememberedRecord(calls: sends)
    case .open, .more, .sweep, .deadMansSwitch, .mark, .confirmation, .campaign: return nil
    }
  }
}

extension LedgerAnnex {
  /// The clock was set: deadlines that were counted from a receipt move, and those of lookups.
  mutating func clockStepped(by step: Duration) {
    for (offset, var record) in sweeps.sorted(by: { $0.key < $1.key }) {
      let isProducedByThisClock = record.received.clockStepped(by: step)
      // The deadline of a sweep that a switch began is counted from when it fired.
      if record.received.request.deadline == nil, isProducedByThisClock || record.firedDue != nil {
        record.deadline.clockStepped(by: step)
        markChanged(.sweep(offset))
      }
      sweeps[offset] = record
    }
    for (name, var record) in switches.sorted(by: { $0.key < $1.key }) {
      if record.received.clockStepped(by: step) {
        record.due.clockStepped(by: step)
        markChanged(.deadMansSwitch(name))
      }
      switches[name] = record
    }
    for key in confirmations.keys {
      confirmations[key]?.clockStepped(by: step)
      markChanged(.confirmation, of: key)
    }
  }
}

extension ConfirmationRecord {
  mutating func clockStepped(by step: Duration) {
    if producedAt == receivedAt { producedAt.clockStepped(by: step) }
    receivedAt.clockStepped(by: step)
    acceptedAt.clockStepped(by: step)
    until.clockStepped(by: step)
  }
}

extension CancelResult.Stages {
  /// The clock was set while the result waits for its commit.
  mutating func clockStepped(by step: Duration) {
    if produced == received { produced.clockStepped(by: step) }
    received.clockStepped(by: step)
    firstSent?.clockStepped(by: step)
    answered.clockStepped(by: step)
  }
}
