import CancelContract
import CancelCore
import Kafka

extension WorkerLoop {
  /// Partitions are this worker's: their ledgers are read, then their requests are taken.
  func assigned(_ partitions: [Int32], restorer: LedgerRestorer) {
    guard failure == nil, !isStopping else { return }
    restoreGeneration += 1
    for partition in partitions {
      engine.assign(partition)
      restoring[partition] = restoreGeneration
    }
    for observer in observers { observer.assigned(partitions) }
    let generation = restoreGeneration
    let startedAt = clock.now
    Task {
      do {
        let records = try await restorer.restore(partitions, generation: generation, into: self)
        restored(partitions, generation: generation, records: records, startedAt: startedAt)
      } catch is RestoreAbandoned {
        logger.info("restore abandoned: the partitions were given up meanwhile")
      } catch {
        fail(error)
      }
    }
  }

  /// Takes ledger records, unless the partitions were given up meanwhile.
  func restore(_ records: [KafkaMessage], generation: Int) throws {
    let now = clock.now
    for record in records {
      guard restoring[record.partition] == generation else { throw RestoreAbandoned() }
      do {
        try engine.restore(record.partition, key: record.key ?? [], value: record.value, at: now)
      } catch {
        throw LedgerUnreadable(partition: record.partition, offset: record.offset, cause: error)
      }
    }
  }

  private func restored(_ partitions: [Int32], generation: Int, records: Int, startedAt: Timestamp) {
    let ready = partitions.filter { restoring[$0] == generation }
    let now = clock.now
    for partition in ready {
      restoring[partition] = nil
      engine.restored(partition, at: now)
    }
    for observer in observers { observer.restored(ready, records: records, after: now - startedAt) }
    consumer?.resume(ready.map { KafkaTopicPartition(topic: settings.requestsTopic, partition: $0) })
    turn()
  }

  /// Partitions are asked back: calls in flight may finish, what is settled is committed, then they are given up.
  func revoked(_ partitions: [Int32]) async {
    for partition in partitions { restoring[partition] = nil }
    engine.leave(partitions)
    await wait(atMost: settings.drainTimeout) { loop in
      loop.failure != nil || loop.engine.callsInFlight(in: partitions) == 0
    }
    if failure == nil { await flush(atMost: settings.drainTimeout) }
    giveUp(partitions, lost: false)
  }

  /// Partitions were lost: another worker may own them already.
  func lost(_ partitions: [Int32]) {
    giveUp(partitions, lost: true)
  }

  private func giveUp(_ partitions: [Int32], lost: Bool) {
    for partition in partitions { restoring[partition] = nil }
    engine.drop(partitions)
    for observer in observers { observer.gaveUp(partitions, lost: lost) }
    // What was handed over of them and not taken needs no acknowledgement any more.
    acknowledge()
    turn()
  }
}

/// A restore whose partitions were given up before it ended.
struct RestoreAbandoned: Error {}

/// A ledger record that this worker can't read; it must not go on.
public struct LedgerUnreadable: Error, CustomStringConvertible {
  /// The ledger's partition.
  public var partition: Int32
  /// The record's offset.
  public var offset: Int64
  /// What is wrong with it.
  public var cause: LedgerError

  /// What is wrong, where, and what to do.
  public var description: String {
    "the ledger can't be read at partition \(partition), offset \(offset): \(cause)"
  }
}
