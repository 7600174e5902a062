import CancelContract
import CancelCore
import Kafka
import Logging
import Synchronization

/// Whether the worker does its job: it has partitions, their ledgers are read, its producer is ready.
public final class Readiness: WorkerObserver {
  /// What a worker that is not ready waits for.
  public enum Missing: String, Sendable, CaseIterable {
    /// The broker, the topics or the producer's first transaction.
    case broker
    /// The group's first assignment.
    case assignment
    /// The ledger's end.
    case ledger
    /// Its own end: it is stopping.
    case stop
  }

  private struct State {
    var missing: Missing? = .broker
    var restoring: Set<Int32> = []
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  /// What is missing; `nil` for a worker that is ready.
  public var missing: Missing? {
    state.withLock { $0.missing }
  }

  /// Waits until the worker is ready, or stops.
  public func waitUntilReady() async {
    await withCheckedContinuation { continuation in
      update { $0.waiters.append(continuation) }
    }
  }

  func wait(for missing: Missing) {
    update { state in
      if state.missing != .stop { state.missing = missing }
    }
  }

  private func update(_ change: (inout State) -> Void) {
    let resumed = state.withLock { state in
      change(&state)
      guard state.missing == nil || state.missing == .stop else { return [CheckedContinuation<Void, Never>]() }
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in resumed { waiter.resume() }
  }

  /// The ledgers of these partitions are being read.
  public func assigned(_ partitions: [Int32]) {
    update { state in
      state.restoring.formUnion(partitions)
      if state.missing != .stop { state.missing = partitions.isEmpty ? nil : .ledger }
    }
  }

  /// The ledgers of these partitions were read.
  public func restored(_ partitions: [Int32], records: Int, after duration: Duration) {
    update { state in
      state.restoring.subtract(partitions)
      if state.restoring.isEmpty && state.missing == .ledger { state.missing = nil }
    }
  }

  /// A worker without partitions waits for an assignment.
  public func gaveUp(_ partitions: [Int32], lost: Bool) {
    update { state in
      state.restoring.subtract(partitions)
      if state.missing != .stop { state.missing = .assignment }
    }
  }
}

/// Whether a broker can be reached.
///
/// librdkafka tells that all connections are down, but also when a broker only closed an idle one; and it does not tell when
/// one is up again. So the report is a reason to ask the cluster, again and again until it answers; while all is well nothing
/// is asked.
final class BrokerWatch: Sendable {
  /// What is known of the brokers.
  struct Outage: Sendable {
    /// When the connections were reported down.
    var since: SteadyClock.Reading
    /// The report.
    var reason: String
  }

  private enum State {
    /// Followed by `asking`.
    case reachable
    /// The connections were reported down; the cluster is being asked. Followed by `reachable` or `unreachable`.
    case asking
    /// The cluster did not answer. Followed by `reachable`.
    case unreachable(Outage)
  }

  private let state = Mutex(State.reachable)
  private let clock: SteadyClock
  private let ask: @Sendable () async -> Bool
  private let tell: @Sendable (WorkerChange) -> Void

  /// - Parameters:
  ///   - ask: asks the cluster; whether it answered, after a few seconds at most.
  ///   - tell: called when the brokers turn out to be unreachable, and when one answers again.
  init(clock: SteadyClock, ask: @escaping @Sendable () async -> Bool, tell: @escaping @Sendable (WorkerChange) -> Void)
  {
    self.clock = clock
    self.ask = ask
    self.tell = tell
  }

  /// Since when no broker answers, and why; `nil` while one does, as far as is known.
  var outage: (since: Timestamp, reason: String)? {
    let outage = state.withLock { state -> Outage? in
      guard case .unreachable(let outage) = state else { return nil }
      return outage
    }
    return outage.map { (clock.corrected($0.since), $0.reason) }
  }

  /// The client reports that all connections are down.
  ///
  /// - Returns: what to run until the cluster answers, where nothing does so yet; it ends early when it is cancelled.
  func connectionsDown(_ reason: String) -> (@Sendable () async -> Void)? {
    let mustAsk = state.withLock { state in
      guard case .reachable = state else { return false }
      state = .asking
      return true
    }
    guard mustAsk else { return nil }
    let since = clock.reading
    return { await self.watch(Outage(since: since, reason: reason)) }
  }

  private func watch(_ outage: Outage) async {
    var isTold = false
    while !Task.isCancelled {
      if await ask() { break }
      guard !Task.isCancelled else { break }
      if !isTold {
        isTold = true
        state.withLock { $0 = .unreachable(outage) }
        tell(.brokerUnreachable(since: clock.corrected(outage.since), reason: outage.reason))
      }
      guard (try? await Task.sleep(for: .seconds(1))) != nil else { break }
    }
    state.withLock { $0 = .reachable }
    if isTold, !Task.isCancelled { tell(.brokerReachable(unreachableFor: clock.now - clock.corrected(outage.since))) }
  }
}

extension BrokerWatch {
  /// Asks the cluster that `configuration` names, with a client made for each question.
  static func asking(_ configuration: KafkaClientConfiguration) -> @Sendable () async -> Bool {
    // The reports of these clients say nothing new.
    let silent = Logger(label: "broker-watch") { _ in SwiftLogNoOpLogHandler() }
    return {
      guard let admin = try? KafkaAdmin(configuration: configuration, logger: silent) else { return false }
      let answer = try? await admin.describeCluster(timeout: .seconds(3))
      await admin.close(timeout: .seconds(2))
      return answer != nil
    }
  }
}
