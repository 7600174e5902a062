import CancelContract
import Kafka
import Logging
import Synchronization

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
