import CancelContract
import CancelCore
import CancelService
import Logging

/// One line for each change of the worker's state: at warning or error when something begins to be wrong, with its reason,
/// and at info when it is over, with how long it took.
public struct StateLog: WorkerObserver {
  private let logger: Logger
  private let clock = SteadyClock()

  /// A log to `logger`.
  public init(logger: Logger) {
    self.logger = logger
  }

  /// Writes what began or ended.
  public func changed(_ change: WorkerChange) {
    switch change {
    case .engine(let change, let key): changed(change, Self.metadata(of: key))
    case .brokerUnreachable(_, let reason):
      logger.error(
        "no broker can be reached; requests wait, results are not published",
        metadata: [LogKey.reason: .string(BoundedText.of(reason, limit: 500))])
    case .clockStepped(let step):
      logger.warning(
        "the system's clock was set, and the worker's time with it: requests may have been answered by a wrong clock",
        metadata: ["step_seconds": .stringConvertible(step.secondsRounded)])
    case .brokerReachable(let duration):
      logger.info("a broker answers again", metadata: [LogKey.seconds: seconds(duration)])
    }
  }

  private func changed(_ change: EngineChange, _ key: Logger.Metadata) {
    switch change {
    case .credentialRefused(_, let status, let detail):
      logger.error(
        "the API refuses a user key; its requests are not sent until a probe passes",
        metadata: key.adding(reason(status, detail)))
    case .credentialWorks(_, let since):
      logger.info("a refused user key works again", metadata: key.adding([LogKey.seconds: seconds(since: since)]))
    case .keyOut(_, let status, let detail):
      logger.warning(
        "calls of a user key fail; they are held back and probed", metadata: key.adding(reason(status, detail)))
    case .keyBack(_, let since):
      logger.info("calls of a user key succeed again", metadata: key.adding([LogKey.seconds: seconds(since: since)]))
    case .apiOut(let status, let detail):
      logger.error("the API fails; all calls are held back and probed", metadata: reason(status, detail))
    case .apiBack(let since):
      logger.info("the API answers again", metadata: [LogKey.seconds: seconds(since: since)])
    case .throttled(_, let until):
      let wait = max(until - clock.now, .zero)
      logger.warning(
        "the API answers 429 within the worker's own quota: others use the user key, or its limit is lower",
        metadata: key.adding(["wait_seconds": seconds(wait)]))
    case .held(let hold):
      logger.warning(
        hold.extent == .all
          ? "cancels are held by an operator, kill-switches too" : "routine cancels are held by an operator",
        metadata: Self.metadata(of: hold))
    case .released(let hold):
      logger.info(
        "cancels that an operator held are let go",
        metadata: Self.metadata(of: hold).adding([LogKey.seconds: seconds(since: hold.at)]))
    case .sweepBegan(let cancelID, let accounts, let due):
      var metadata: Logger.Metadata = [
        LogKey.cancelID: .string(BoundedText.of(cancelID)), LogKey.accounts: .string(Self.list(accounts)),
      ]
      guard let due else {
        return logger.warning("a sweep began: every pending order is cancelled", metadata: metadata)
      }
      metadata["late_seconds"] = seconds(since: due)
      logger.error(
        "a dead-man's switch fired, for no renewal came: every pending order is cancelled", metadata: metadata)
    case .sweepEnded(let cancelID, let outcome, let counts):
      let metadata: Logger.Metadata = [
        LogKey.cancelID: .string(BoundedText.of(cancelID)), LogKey.outcome: .string(outcome.name),
        "listed": .stringConvertible(counts.listed), "accepted": .stringConvertible(counts.accepted),
        "remaining": .stringConvertible(counts.remaining),
      ]
      if outcome == .accepted || outcome == .acknowledged {
        logger.info("a sweep ended", metadata: metadata)
      } else {
        logger.error("a sweep ended and may have left orders", metadata: metadata)
      }
    case .throttlingOver:
      logger.info("the API takes calls of a throttled user key again", metadata: key)
    }
  }

  /// Writes which partitions the group assigned.
  public func assigned(_ partitions: [Int32]) {
    logger.info("partitions assigned; their ledgers are read", metadata: [LogKey.partitions: list(partitions)])
  }

  /// Writes how long the ledger took.
  public func restored(_ partitions: [Int32], records: Int, after duration: Duration) {
    guard !partitions.isEmpty else { return }
    logger.info(
      "ledgers read; requests are taken",
      metadata: [
        LogKey.partitions: list(partitions), "records": .stringConvertible(records), LogKey.seconds: seconds(duration),
      ])
  }

  /// Writes which partitions are gone.
  public func gaveUp(_ partitions: [Int32], lost: Bool) {
    guard lost else {
      return logger.info("partitions given up", metadata: [LogKey.partitions: list(partitions)])
    }
    logger.warning(
      "partitions lost: the group put this worker out, or the broker could not be reached for its session time-out",
      metadata: [LogKey.partitions: list(partitions)])
  }

  private static func metadata(of key: WorkerChange.Key?) -> Logger.Metadata {
    guard let key else { return [:] }
    return [LogKey.userKey: .string(key.digest), LogKey.accounts: .string(list(key.accounts))]
  }

  private static func metadata(of hold: HoldEvent) -> Logger.Metadata {
    var metadata: Logger.Metadata = [
      LogKey.accounts: .string(hold.account.map { BoundedText.of($0.description) } ?? "every account")
    ]
    if let actor = hold.actor { metadata[LogKey.requestedBy] = .string(BoundedText.of(actor)) }
    if let reason = hold.reason { metadata[LogKey.requestedBecause] = .string(BoundedText.of(reason)) }
    return metadata
  }

  private static func list(_ accounts: [AccountName]) -> String {
    let names = accounts.prefix(5).map { BoundedText.of($0.description) }.joined(separator: ", ")
    return accounts.count > 5 ? "\(names) and \(accounts.count - 5) more" : names
  }

  private func reason(_ status: Int?, _ detail: String?) -> Logger.Metadata {
    var metadata: Logger.Metadata = [:]
    if let status { metadata[LogKey.httpStatus] = .stringConvertible(status) }
    if let detail { metadata[LogKey.reason] = .string(BoundedText.of(detail, limit: 500)) }
    return metadata
  }

  private func seconds(since: Timestamp) -> Logger.MetadataValue { seconds(clock.now - since) }

  private func seconds(_ duration: Duration) -> Logger.MetadataValue {
    .stringConvertible(max(duration, .zero).secondsRounded)
  }

  private func list(_ partitions: [Int32]) -> Logger.MetadataValue {
    .string(partitions.sorted().map(String.init).joined(separator: ","))
  }
}

extension Logger.Metadata {
  fileprivate func adding(_ other: Logger.Metadata) -> Logger.Metadata { merging(other) { _, other in other } }
}
