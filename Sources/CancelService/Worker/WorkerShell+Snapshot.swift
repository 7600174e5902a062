import CancelAPI
import CancelContract
import CancelCore
import Kafka
import Synchronization

extension WorkerShell {
  /// Always true: that it is answered shows that the event loop turns.
  var answers: Bool { true }

  /// The worker as it is now.
  func snapshot(startedAt: Timestamp, instance: String, version: String, missing: Readiness.Missing?) -> WorkerSnapshot
  {
    let now = presentTime()
    let (engine, failure, lostBacklog) = (worker.engine, worker.failure, worker.lostBacklog)
    var snapshot = WorkerSnapshot(
      takenAt: now, startedAt: startedAt, version: version, instance: instance,
      state: failure != nil ? .failed : WorkerSnapshot.State(missing, hadPartitions: worker.hadPartitions))
    if let failure { snapshot.notReady.append(.init("failed", "\(failure)")) }
    if let missing { snapshot.notReady.append(.init(missing.rawValue, missing.sentence)) }
    let gauges = engine.gauges(at: now)
    snapshot.callsInFlight = engine.callsInFlight
    snapshot.clockDifference = surroundings.clock.difference
    switch (lostBacklog, missing) {
    case (let lost?, _): snapshot.setBacklog(lost.gauges, .lastKnown(at: lost.at))
    case (nil, .broker), (nil, .assignment), (nil, .ledger): snapshot.backlog = .unknown
    case (nil, nil), (nil, .stop): snapshot.setBacklog(gauges, .current)
    }
    snapshot.rememberedOrders = engine.rememberedOrders
    snapshot.openOrders = lostBacklog?.openOrders ?? engine.openOrders
    snapshot.assignedPartitions = engine.assignments.map(\.partition)
    snapshot.apiOutSince = gauges.apiOutSince
    snapshot.holds = engine.holds
    snapshot.rounds = engine.roundGauges(at: now)
    snapshot.lag = surroundings.requests.lagByPartition
    snapshot.keys = keySnapshots(gauges.keys(waitingAsIn: lostBacklog?.gauges))
    return snapshot
  }

  /// Tells the observers what changed of what holds calls back.
  func report(_ changes: [EngineChange]) {
    for change in changes {
      let key = change.quotaKey.flatMap(keyName)
      for observer in surroundings.observers { observer.changed(.engine(change, key: key)) }
    }
  }

  private func keyName(_ key: QuotaKey) -> WorkerChange.Key? {
    guard directory.keyIDs.indices.contains(key.index) else { return nil }
    let id = directory.keyIDs[key.index]
    let accounts = directory.accounts.names.filter { directory[$0]?.userKeyID == id }
    return WorkerChange.Key(digest: "\(id)", accounts: accounts.sorted { "\($0)" < "\($1)" })
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
      return KeySnapshot(gauges, digest: "\(id)", environment: first.environment.name, accounts: accounts.map(\.name))
    }
  }
}

extension WorkerSnapshot.State {
  fileprivate init(_ missing: Readiness.Missing?, hadPartitions: Bool) {
    switch missing {
    case nil: self = .running
    case .broker: self = .starting
    case .assignment: self = hadPartitions ? .unassigned : .starting
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

/// Lets queries pass until it is closed; closing waits for those that are under way, so that what they use may end then.
final class QueryGate: Sendable {
  private struct State {
    var isClosed = false
    var underWay = 0
  }

  private let state = Mutex(State())
  private let isIdle = Completion()

  /// Runs `body`; `nil` where the gate is closed.
  @discardableResult
  func pass<Result: Sendable>(_ body: () async -> Result) async -> Result? {
    let isOpen = state.withLock { state in
      if !state.isClosed { state.underWay += 1 }
      return !state.isClosed
    }
    guard isOpen else { return nil }
    defer { leave() }
    return await body()
  }

  /// Lets no further query pass, and waits for those that are under way.
  func close() async {
    let isIdleAlready = state.withLock { state in
      state.isClosed = true
      return state.underWay == 0
    }
    if !isIdleAlready { await isIdle.wait() }
  }

  private func leave() {
    let isLast = state.withLock { state in
      state.underWay -= 1
      return state.isClosed && state.underWay == 0
    }
    if isLast { isIdle.fulfil() }
  }
}
