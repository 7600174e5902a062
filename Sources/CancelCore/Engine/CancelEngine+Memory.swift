import CancelContract

extension CancelEngine {
  /// How often memories that have ended are looked for.
  static let endingSweep = Duration.milliseconds(50)
  /// How many of them are looked at each time: they are in no hurry, calls are.
  private static let endingsPerSweep = 2000

  /// Plans a look at a memory when it ends.
  mutating func planEnding(_ ref: OrderRef, _ record: RememberedRecord, at now: Timestamp) {
    let end = record.end(window: policy.quotaWindow)
    guard let at = partitions[ref.partition].plan(ref.key, end: end, at: now) else { return }
    endingTimers.insert(EndingTimer(at: at, partition: ref.partition, epoch: partitions[ref.partition].epoch))
  }

  /// Forgets what is remembered no longer, and has its ledger record deleted.
  mutating func endMemories(at now: Timestamp) {
    guard let first = endingTimers.first, first.at <= now, endingsSweptAt + CancelEngine.endingSweep <= now else {
      return
    }
    endingsSweptAt = now
    var rest = CancelEngine.endingsPerSweep
    while rest > 0, let timer = endingTimers.first, timer.at <= now {
      guard partitions[timer.partition].epoch == timer.epoch, partitions[timer.partition].phase == .active else {
        // A partition that is given up keeps its endings for the case that it comes back.
        endingTimers.popFirst()
        continue
      }
      guard let key = partitions[timer.partition].endings[timer.at]?.popLast() else {
        endingTimers.popFirst()
        partitions[timer.partition].endings.removeValue(forKey: timer.at)
        continue
      }
      rest -= 1
      endMemory(OrderRef(key: key, partition: timer.partition), at: now)
    }
  }

  private mutating func endMemory(_ ref: OrderRef, at now: Timestamp) {
    guard case .remembered(let record)? = partitions[ref.partition].orders[ref.key],
      record.end(window: policy.quotaWindow) <= now
    else { return }
    partitions[ref.partition].set(ref.key, nil)
    markChanged(ref)
  }
}
