import CancelContract
import CancelCore
import Kafka

extension WorkerLoop {
  /// Partitions are this worker's: their ledgers are read, then their requests are taken.
  ///
  /// - Parameter positions: the offset of each partition's next request; `nil` where the group has none yet.
  func assigned(_ positions: [Int32: Int64?], under assignment: KafkaAssignmentID, restorer: LedgerRestorer) {
    guard failure == nil, !isStopping else { return }
    self.assignment = assignment
    restoreGeneration += 1
    let generation = restoreGeneration
    let now = clock.now
    // An assignment replaces the one before. Where giving that up overran its time, its partitions are still here: what
    // is answered for them from now on must not be committed under this assignment's membership.
    let left = engine.ownedPartitions
    if !left.isEmpty { giveUp(left, ledgerEnds: [:], lost: true) }
    var offsets: [Int32: Int64] = [:]
    for partition in positions.keys.sorted() {
      restoring[partition] = generation
      if let parked = parked.take(partition, at: now) {
        engine.assign(partition, resuming: parked.partition)
        offsets[partition] = parked.ledgerEnd
      } else {
        engine.assign(partition)
        offsets[partition] = 0
      }
    }
    for observer in observers { observer.assigned(positions.keys.sorted()) }
    Task {
      do {
        let records = try await restore(from: offsets, generation: generation, restorer)
        restored(positions, generation: generation, records: records, startedAt: now)
      } catch is RestoreAbandoned {
        logger.info("restore abandoned: the partitions were given up meanwhile")
      } catch {
        fail(error)
      }
    }
  }

  /// The place in the group under which the engine's partitions were assigned.
  var membership: GroupMembership? {
    guard let consumer, let assignment else { return nil }
    return GroupMembership(consumer: consumer, assignment: assignment)
  }

  private func restore(
    from offsets: [Int32: Int64], generation: Int, _ restorer: LedgerRestorer
  ) async throws -> Int {
    do {
      return try await restorer.restore(from: offsets, generation: generation, into: self)
    } catch let error as KafkaError where error.code == .offsetOutOfRange {
      // The ledger is not the one that the parked state was written to.
      guard offsets.keys.allSatisfy({ restoring[$0] == generation }) else { throw RestoreAbandoned() }
      logger.warning("a ledger became shorter; it is read from its beginning", metadata: ["error": "\(error)"])
      for partition in offsets.keys { engine.assign(partition) }
      return try await restorer.restore(from: offsets.mapValues { _ in 0 }, generation: generation, into: self)
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

  private func restored(_ positions: [Int32: Int64?], generation: Int, records: Int, startedAt: Timestamp) {
    let ready = positions.keys.filter { restoring[$0] == generation }.sorted()
    let now = clock.now
    for partition in ready {
      restoring[partition] = nil
      // Each batch carries the positions of its partitions, for the group takes them only from the owner. Where there
      // is none yet, reading starts at the beginning, whatever the offset of that is.
      engine.restored(partition, position: (positions[partition] ?? nil) ?? 0, at: now)
    }
    for observer in observers { observer.restored(ready, records: records, after: now - startedAt) }
    if let membership {
      membership.consumer.resume(
        ready.map { KafkaTopicPartition(topic: settings.requestsTopic, partition: $0) }, under: membership.assignment)
    }
    turn()
  }

  /// Partitions are asked back: calls in flight may finish, what is settled is committed, then they are given up.
  func revoked(_ partitions: [Int32], restorer: LedgerRestorer) async {
    for partition in partitions { restoring[partition] = nil }
    let epochs = partitions.map { engine.epoch(of: $0) }
    engine.leave(partitions)
    await wait(atMost: settings.drainTimeout) { loop in
      loop.failure != nil || loop.engine.callsInFlight(in: partitions) == 0
    }
    var ledgerEnds: [Int32: Int64] = [:]
    if failure == nil, await flush(atMost: settings.drainTimeout), !isStopping {
      ledgerEnds = await ownLedgerEnds(of: partitions, restorer)
    }
    // Where all this took so long that a partition is here for the second time, that ownership stays.
    let given = zip(partitions, epochs).filter { engine.epoch(of: $0) == $1 }.map(\.0)
    giveUp(given, ledgerEnds: ledgerEnds, lost: false)
  }

  /// The ends of these partitions' ledgers, where it is certain that only this worker wrote to them since it read them:
  /// the group takes the positions after the ends were told, so it was the owner then.
  private func ownLedgerEnds(of partitions: [Int32], _ restorer: LedgerRestorer) async -> [Int32: Int64] {
    let positions = engine.positions(of: partitions)
    guard !positions.isEmpty else { return [:] }
    do {
      let (publisher, group) = (publisher, membership)
      return try await within(settings.drainTimeout) {
        let ends = try await restorer.ends(of: positions.keys.sorted())
        try await publisher.confirm(positions: positions, group: group)
        return ends
      }
    } catch {
      logger.info("partitions are given up for good", metadata: ["reason": "\(error)"])
      return [:]
    }
  }

  /// Partitions were lost: another worker may own them already.
  func lost(_ partitions: [Int32]) {
    giveUp(partitions, ledgerEnds: [:], lost: true)
  }

  private func giveUp(_ partitions: [Int32], ledgerEnds: [Int32: Int64], lost: Bool) {
    guard !partitions.isEmpty else {
      acknowledge()
      return turn()
    }
    let now = clock.now
    for partition in partitions {
      restoring[partition] = nil
      if let end = ledgerEnds[partition], let settled = engine.park(partition) {
        parked.keep(settled, ledgerEnd: end, at: now)
      }
    }
    engine.drop(partitions)
    if !ledgerEnds.isEmpty {
      eventLoop.scheduleTask(in: .microseconds((ParkedPartitions.keptFor + .seconds(1)).microseconds)) {
        self.assumeIsolated { $0.parked.expire(at: $0.clock.now) }
      }
    }
    for observer in observers { observer.gaveUp(partitions, lost: lost) }
    // What was handed over of them and not taken needs no acknowledgement any more.
    acknowledge()
    turn()
  }
}

/// Runs `body`, and stops waiting for it when `timeout` has passed: what it does then goes on by itself.
private func within<Value: Sendable>(
  _ timeout: Duration, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  let (outcomes, outcome) = AsyncStream.makeStream(of: Result<Value, any Error>.self)
  let work = Task {
    do { outcome.yield(.success(try await body())) } catch { outcome.yield(.failure(error)) }
  }
  let timer = Task {
    try await Task.sleep(for: timeout)
    outcome.yield(.failure(ConfirmationTimedOut(timeout: timeout)))
  }
  defer {
    work.cancel()
    timer.cancel()
  }
  guard let first = await outcomes.first(where: { _ in true }) else { throw CancellationError() }
  return try first.get()
}

/// The group did not confirm the positions of partitions that are given up in time.
struct ConfirmationTimedOut: Error, CustomStringConvertible {
  var timeout: Duration

  var description: String { "the group did not confirm their positions within \(timeout)" }
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
