import CancelContract

extension CancelEngine {
  /// Arms a dead-man's switch, or moves the one of the same name.
  mutating func arm(_ received: ReceivedSweep, due: Timestamp, at now: Timestamp) {
    let number = received.source.partition
    let name = received.request.switchName
    partitions[number].annex.switches[name] = SwitchRecord(received: received, due: due)
    // One that is overdue when it is read may be moved by what is read next.
    let firesAt = max(due, now + CancelEngine.graceForRenewals)
    switchTimers.insert(SwitchTimer(at: firesAt, partition: number, name: name))
    acknowledge(received, .armed(until: due), at: now)
  }

  /// Disarms a dead-man's switch, where there is one.
  mutating func disarm(_ received: ReceivedSweep, at now: Timestamp) {
    let number = received.source.partition
    let name = received.request.switchName
    let wasArmed = partitions[number].annex.switches[name].map { !isFiring($0, in: number) } ?? false
    if wasArmed { partitions[number].annex.switches[name] = nil }
    acknowledge(received, .disarmed(wasArmed: wasArmed), at: now)
  }

  private mutating func acknowledge(_ received: ReceivedSweep, _ state: SweepReport.Switch, at now: Timestamp) {
    let scope: SweepReport.Scope = if case .account = received.request.scope { .account } else { .all }
    let swept = (sweptAccounts(received.request.scope) ?? []).map { accounts.name(of: $0) }
    var report = SweepReport(scope: scope, accounts: swept)
    report.deadMansSwitch = state
    let result = CancelResult(
      echo: received.echo, orderID: nil, account: accountName(of: received.request.scope), outcome: .acknowledged,
      stages: CancelResult.Stages(produced: received.producedAt, received: received.receivedAt, answered: now),
      sweep: report)
    let subject = LedgerSubject.deadMansSwitch(received.request.switchName)
    append(result, of: nil, received.request.priority, subject: subject)
    markChanged(subject, in: received.source.partition)
  }

  /// Whether the sweep that the switch begins is under way already, and only its record is to be deleted.
  private func isFiring(_ record: SwitchRecord, in partition: Int32) -> Bool {
    sweeps[SweepRef(partition: partition, offset: record.received.source.offset)] != nil
  }

  /// Begins the sweeps of switches that nobody moved in time.
  ///
  /// After a restart renewals may wait in the log: a switch fires only when what was in the log is read. And it fires only
  /// once the ledger holds it.
  mutating func fireSwitches(at now: Timestamp) {
    guard !isStopping else { return }
    var early: [SwitchTimer] = []
    while let timer = switchTimers.first, timer.at <= now {
      switchTimers.popFirst()
      let number = timer.partition
      guard partitions.owns(number), partitions[number].phase == .active,
        let record = partitions[number].annex.switches[timer.name], record.due <= now, !isFiring(record, in: number)
      else { continue }
      // What the ledger does not hold yet would be armed again by a restart, and what its sweep answered forgotten.
      let isKept = record.received.source.offset < partitions[number].committedPosition
      guard isKept, !mayHoldRenewals(number, at: now) else {
        early.append(SwitchTimer(at: now + CancelEngine.renewalCheck, partition: number, name: timer.name))
        continue
      }
      fire(record, named: timer.name, partition: number, at: now)
    }
    for timer in early { switchTimers.insert(timer) }
  }

  /// What may move an overdue switch is waited for so long.
  static let graceForRenewals = Duration.seconds(1)
  /// How often it is looked whether the log that may hold renewals is read.
  private static let renewalCheck = Duration.milliseconds(200)
  /// How long that is waited for where the log's end could not be told.
  private static let longestRenewalWait = Duration.seconds(5)

  private func mayHoldRenewals(_ number: Int32, at now: Timestamp) -> Bool {
    guard let position = partitions[number].position else { return true }
    if partitions[number].logEnd == .max {
      return partitions[number].restoredAt + CancelEngine.longestRenewalWait > now
    }
    return position < partitions[number].logEnd
  }

  private mutating func fire(_ record: SwitchRecord, named name: String, partition: Int32, at now: Timestamp) {
    guard let swept = sweptAccounts(record.received.request.scope) else {
      // Its account is no longer configured: the sweep says so.
      return begin(sweepRecord(of: record, accounts: [], at: now), firing: name, partition: partition, at: now)
    }
    let accounts = swept.map { self.accounts.name(of: $0) }
    begin(sweepRecord(of: record, accounts: accounts, at: now), firing: name, partition: partition, at: now)
  }

  private mutating func sweepRecord(of record: SwitchRecord, accounts: [AccountName], at now: Timestamp) -> SweepRecord
  {
    var received = record.received
    let request = received.request
    received.request.details.campaignID = request.campaignID
    received.request.cancelID = "\(request.cancelID)/sweep"
    join(
      received.echo, of: accountName(of: request.scope), partition: received.source.partition, producedAt: record.due,
      at: now)
    var accounts = accounts
    if accounts.isEmpty, case .account(let name?) = request.scope { accounts = [name] }
    return SweepRecord(
      received: received, deadline: request.deadline ?? max(record.due, now) + defaultDeadline(request.priority),
      accounts: accounts, firedDue: record.due)
  }

  /// A batch with these things was committed: a switch whose sweep the ledger holds is deleted from it, and a sweep
  /// whose switch is deleted may end.
  mutating func committed(_ subjects: [LedgerSubject], of partition: Int32) {
    for subject in subjects {
      switch subject {
      case .sweep(let offset):
        let ref = SweepRef(partition: partition, offset: offset)
        guard let name = sweeps[ref]?.firedSwitch else { continue }
        if partitions[partition].annex.switches[name]?.received.source.offset == offset {
          partitions[partition].annex.switches[name] = nil
          markChanged(.deadMansSwitch(name), in: partition)
        } else {
          letEnd(ref)
        }
      case .deadMansSwitch(let name):
        for (ref, sweep) in sweeps where ref.partition == partition && sweep.firedSwitch == name {
          if partitions[partition].annex.switches[name]?.received.source.offset != ref.offset { letEnd(ref) }
        }
      case .campaign: break
      }
    }
  }

  private mutating func letEnd(_ ref: SweepRef) {
    sweeps[ref]?.firedSwitch = nil
    endedSweeps.append(ref)
  }
}

/// A dead-man's switch that is due at a time, unless it was moved or disarmed by then.
struct SwitchTimer: Comparable, Sendable {
  var at: Timestamp
  var partition: Int32
  var name: String

  static func < (left: SwitchTimer, right: SwitchTimer) -> Bool { left.at < right.at }
}
