import CancelContract

extension CancelEngine {
  /// The system's clock was set, and the worker's time follows it at once: `now` is the time after the step, and what
  /// was told before lies `step` away from what it would be now.
  ///
  /// Quota, back-off, probes, pauses and time-outs go on as if nothing had happened. Deadlines, the due times of switches
  /// and the ends of acceptances' memories are wall times: they come nearer, or move away; but not those that were
  /// counted from the receipt of a request whose record had no usable stamp.
  public mutating func clockStepped(by step: Duration, at now: Timestamp) {
    stepKeys(by: step)
    memoriesSweptAt.clockStepped(by: step)
    waitsSweptAt.clockStepped(by: step)
    lastAdvance.clockStepped(by: step)
    for index in results.indices { results[index].stages.clockStepped(by: step) }
    for index in committing?.results.indices ?? 0..<0 { committing?.results[index].stages.clockStepped(by: step) }
    // What a ledger that is still being read tells was told by its writer's clock.
    let restored = partitions.numbers.filter { partitions[$0].phase != .restoring }
    for number in restored { stepPartition(number, by: step, at: now) }
    stepRounds(by: step, at: now)
    stepOrders(of: Set(restored), by: step, at: now)
  }

  private mutating func stepKeys(by step: Duration) {
    for index in keys.indices {
      keys[index].quota.clockStepped(by: step)
      keys[index].quotaWait.clockStepped(by: step)
      keys[index].lists.clockStepped(by: step)
      keys[index].lookups.clockStepped(by: step)
      keys[index].breaker.clockStepped(by: step)
      keys[index].gate.clockStepped(by: step)
      keys[index].timerAt.clockStepped(by: step)
    }
    apiGate.clockStepped(by: step)
    keyTimers.update { $0.at.clockStepped(by: step) }
    readTimers.update { $0.at.clockStepped(by: step) }
    for id in flights.keys { flights[id]?.slot.clockStepped(by: step) }
    for id in listsInFlight.keys { listsInFlight[id]?.slot.clockStepped(by: step) }
    for id in lookupsInFlight.keys { lookupsInFlight[id]?.slot.clockStepped(by: step) }
  }

  private mutating func stepPartition(_ number: Int32, by step: Duration, at now: Timestamp) {
    let (keys, looks) = partitions[number].clockStepped(by: step, window: policy.quotaWindow, at: now)
    for key in keys { markChanged(OrderRef(key: key, partition: number)) }
    for key in partitions[number].annex.changedSides.keys.sorted() {
      markChanged(OrderRef(key: key, partition: number))
    }
    if !partitions[number].annex.changed.isEmpty { scheduleCommit(number) }
    guard let assignment = partitions[number].assignment else { return }
    for time in looks { expiryTimers.insert(ExpiryTimer(at: time, assignment: assignment)) }
  }

  /// Sweeps, switches, campaigns and confirmations.
  private mutating func stepRounds(by step: Duration, at now: Timestamp) {
    for (ref, sweep) in sweeps.sorted(by: { $0.key < $1.key }) {
      let record = partitions[ref.partition].annex.sweeps[ref.offset] ?? sweep.record
      sweeps[ref]?.clockStepped(by: step, record)
      endedSweeps.append(ref)
    }
    sweepTimers.update { $0.at.clockStepped(by: step) }
    for ref in sweeps.keys.sorted() {
      sweepTimers.insert(SweepTimer(at: sweeps[ref]?.record.deadline ?? now, sweep: ref, account: nil))
    }
    switchTimers.update { $0.at.clockStepped(by: step) }
    for number in partitions.numbers where partitions[number].phase == .active {
      for (name, record) in partitions[number].annex.switches.sorted(by: { $0.key < $1.key }) {
        // One that is overdue all at once may be moved by what is read next.
        let at = max(record.due, now + CancelEngine.graceForRenewals)
        switchTimers.insert(SwitchTimer(at: at, partition: number, name: name))
      }
    }
    for ref in campaigns.keys { campaigns[ref]?.publishedAt.clockStepped(by: step) }
    campaignTimers.update { $0.at.clockStepped(by: step) }
    for number in partitions.numbers where partitions[number].phase != .restoring {
      for (id, tally) in partitions[number].annex.campaigns.sorted(by: { $0.key < $1.key }) {
        planForgetting(CampaignRef(partition: number, id: id), tally)
      }
    }
    for ref in confirmations.keys {
      if let record = partitions[ref.partition].annex.confirmations[ref.key] { confirmations[ref]?.record = record }
    }
    lookupTimers.update { $0.at.clockStepped(by: step) }
  }

  private mutating func stepOrders(of numbers: Set<Int32>, by step: Duration, at now: Timestamp) {
    let sweeps = self.sweeps
    for slot in orders.slots(where: { numbers.contains($0.ref.partition) }) {
      let number = orders[slot].ref.partition
      let isToBeWritten = orders[slot].clockStepped(by: step) { request in
        sweeps[SweepRef(partition: number, offset: request.received.source.offset)]?.record.deadline
      }
      orders[slot].earlierMemory = orders[slot].earlierMemory.map {
        $0.afterClockStep(step, window: policy.quotaWindow, at: now) ?? $0
      }
      if isToBeWritten { markChanged(slot) }
      requeue(slot, at: now)
      orders[slot].timerAt.clockStepped(by: step)
    }
    waitChecks.update { $0.at.clockStepped(by: step) }
    orderTimers.update { $0.at.clockStepped(by: step) }
    // A deadline has come nearer, or moved away: then the look that was planned for it comes too early, which is in vain.
    for slot in orders.slots(where: { numbers.contains($0.ref.partition) }) { renewTimer(slot) }
  }
}

extension PartitionLedger {
  /// The clock was set.
  ///
  /// - Returns: the orders whose memory has moved, and when memories are to be looked at for which no look was planned.
  fileprivate mutating func clockStepped(
    by step: Duration, window: Duration, at now: Timestamp
  ) -> (moved: [OrderKey], looks: [Timestamp]) {
    restoredAt.clockStepped(by: step)
    outcomeUnknownAt.clockStepped(by: step)
    annex.clockStepped(by: step)
    var moved: [(key: OrderKey, record: RememberedRecord)] = []
    for (key, state) in orders {
      guard case .remembered(let record) = state,
        let stepped = record.afterClockStep(step, window: window, at: now)
      else { continue }
      moved.append((key, stepped))
    }
    var looks: [Timestamp] = []
    for (key, record) in moved {
      set(key, .remembered(record))
      if let look = plan(key, end: record.end(window: window), at: now) { looks.append(look) }
    }
    return (moved.map(\.key), looks)
  }
}

extension ParkedPartition {
  /// The clock was set while the partition was parked: it is as it would be, had it been owned.
  ///
  /// - Parameters:
  ///   - window: the length of the quota's window.
  ///   - now: the time after the step.
  package mutating func clockStepped(by step: Duration, window: Duration, at now: Timestamp) {
    _ = ledger.clockStepped(by: step, window: window, at: now)
    for index in open.indices {
      let number = number
      let sweeps = ledger.annex.sweeps
      _ = open[index].clockStepped(by: step) { request in
        number == request.received.source.partition ? sweeps[request.received.source.offset]?.deadline : nil
      }
    }
  }
}

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
