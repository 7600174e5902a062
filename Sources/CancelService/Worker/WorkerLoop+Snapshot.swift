import CancelAPI
import CancelContract
import CancelCore
import Kafka

extension WorkerLoop {
  /// The worker as it is now.
  func snapshot(startedAt: Timestamp, instance: String, version: String, missing: Readiness.Missing?) -> WorkerSnapshot
  {
    let now = clock.now
    var snapshot = WorkerSnapshot(
      takenAt: now, startedAt: startedAt, version: version, instance: instance,
      state: failure != nil ? .failed : WorkerSnapshot.State(missing))
    if let failure { snapshot.notReady.append(.init("failed", "\(failure)")) }
    if let missing { snapshot.notReady.append(.init(missing.rawValue, missing.sentence)) }
    let gauges = engine.gauges(at: now)
    snapshot.callsInFlight = engine.callsInFlight
    snapshot.pending = gauges.pending
    snapshot.oldestUnanswered = gauges.oldestProducedAt
    snapshot.rememberedOrders = engine.rememberedOrders
    snapshot.openOrders = engine.openOrders
    snapshot.assignedPartitions = engine.ownedPartitions
    snapshot.apiOutSince = gauges.apiOutSince
    for (partition, lag) in consumer?.lag ?? [:] { snapshot.lag[partition.partition] = lag }
    snapshot.keys = keySnapshots(gauges.keys)
    return snapshot
  }

  private func keySnapshots(_ keys: [KeyGauges]) -> [KeySnapshot] {
    var names: [UserKeyID: [Account]] = [:]
    for name in directory.accounts.names {
      guard let account = directory[name] else { continue }
      names[account.userKeyID, default: []].append(account)
    }
    return keys.compactMap { gauges in
      guard directory.keyIDs.indices.contains(gauges.key.index) else { return nil }
      let id = directory.keyIDs[gauges.key.index]
      guard let accounts = names[id], let first = accounts.first else { return nil }
      var key = KeySnapshot(digest: "\(id)", environment: first.environment.name, accounts: accounts.map(\.name))
      key.freeCalls = gauges.free
      key.limit = gauges.limit
      key.nextFreeAt = gauges.nextFreeAt
      key.blockedUntil = gauges.blockedUntil
      key.waiting = gauges.waiting
      key.inFlight = gauges.inFlight
      switch gauges.breaker {
      case .closed: key.breaker = .closed
      case .open(let refusal, _): (key.breaker, key.refusedSince) = (.open, refusal.since)
      case .probing(let refusal): (key.breaker, key.refusedSince) = (.probing, refusal.since)
      }
      return key
    }
  }
}

extension WorkerSnapshot.State {
  fileprivate init(_ missing: Readiness.Missing?) {
    switch missing {
    case nil: self = .running
    case .broker, .assignment: self = .starting
    case .ledger: self = .restoring
    case .stop: self = .stopping
    }
  }
}

extension Readiness.Missing {
  /// What is missing, for people.
  package var sentence: String {
    switch self {
    case .broker: "the broker, its topics or the producer's first transaction are not there yet"
    case .assignment: "the group has not assigned partitions to this worker"
    case .ledger: "the ledger is being read"
    case .stop: "the worker is stopping"
    }
  }
}
