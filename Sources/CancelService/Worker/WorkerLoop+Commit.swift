import CancelContract
import CancelCore
import Kafka
import NIOCore

extension WorkerLoop {
  /// Starts a commit of all that has gathered, unless one is under way.
  func commitIfDue(at now: Timestamp) {
    guard !isCommitting, failure == nil, engine.hasSomethingToCommit else { return }
    if engine.uncommittedResults == 0 && !isStopping && restoring.isEmpty {
      // Changed states alone wait a little: the answer that settles them may be close behind.
      if commitNotBefore == .distantPast { commitNotBefore = now + settings.openStateLinger }
      guard commitNotBefore <= now else { return }
    }
    if gatherUntil > now && !isStopping && restoring.isEmpty { return }
    if retryNotBefore > now { return }
    commitNotBefore = .distantPast
    commit(at: now)
  }

  private func commit(at now: Timestamp) {
    guard let batch = engine.nextBatch() else { return }
    isCommitting = true
    let group = membership
    Task {
      do {
        try await publisher.publish(batch, group: group)
        committed(batch, startedAt: now)
      } catch {
        aborted(error)
      }
    }
  }

  private func committed(_ batch: CommitBatch, startedAt: Timestamp) {
    let now = clock.now
    isCommitting = false
    abortsInARow = 0
    gatherUntil = startedAt + min(settings.longestGathering, settings.gatheringPerResult * batch.results.count)
    engine.committed()
    for observer in observers {
      observer.committed(records: batch.results.count + batch.ledger.count, after: now - startedAt)
      observer.published(batch.results, refused: batch.refused, at: now)
    }
    acknowledge()
    turn()
  }

  private func aborted(_ error: any Error) {
    isCommitting = false
    engine.aborted()
    for observer in observers { observer.aborted(error) }
    abortsInARow += 1
    if goesAgain(after: error) {
      // The same results go into the next transaction, a little later each time it is refused.
      let delay = Duration.milliseconds(min(1000, 10 << min(abortsInARow - 1, 7)))
      logger.warning(
        "transaction aborted; its results go into the next one",
        metadata: ["error": "\(error)", "aborts_in_a_row": "\(abortsInARow)"])
      retryNotBefore = clock.now + delay
      planWakeUp(at: clock.now)
      tellWaiters()
    } else {
      fail(error)
    }
  }

  /// What seems to need an operator is believed only after a few seconds of it. It must not go on for ever: without a
  /// transaction the records of the batch that don't fail are published again each time.
  private func goesAgain(after error: any Error) -> Bool {
    switch error {
    case let error as KafkaPublishError:
      error.failures.allSatisfy(\.error.mayPass)
        || abortsInARow < settings.abortsByRefusal && !error.failures.contains(where: \.error.isFatal)
    case let error as KafkaError:
      !error.isFatal && (!error.code.needsAnOperator || abortsInARow < settings.abortsByRefusal)
    default: false
    }
  }

  /// Waits until everything that is settled is published, for `timeout` at most.
  @discardableResult
  func flush(atMost timeout: Duration) async -> Bool {
    commitNotBefore = .distantPast
    gatherUntil = .distantPast
    turn()
    return await wait(atMost: timeout) { loop in
      loop.failure != nil || (!loop.isCommitting && !loop.engine.hasSomethingToCommit)
    }
  }
}
