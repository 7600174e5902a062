import CancelContract

/// Chooses what is worth asking for again among results: the last word on each order, where it is one of the outcomes
/// that are looked for.
///
/// An order that was accepted or rejected since is left out: nothing is asked for again that has been settled.
public struct ReplaySelection: Sendable {
  /// Which results are looked for.
  public struct Filter: Sendable {
    /// Their outcomes; `accepted` and `acknowledged` are never asked for again.
    public var outcomes: Set<CancelOutcome> = []
    /// The end of their problem's type, such as `credential-refused`, or the API's HTTP status, such as `401`; `nil` for
    /// any.
    public var problem: String?
    /// Their account; `nil` for any.
    public var account: String?
    /// Their campaign; `nil` for any.
    public var campaignID: String?

    /// No results.
    public init() {}

    private func isMet(_ result: CancelResult, _ problem: String) -> Bool {
      result.problem?.type?.hasSuffix(problem) == true || result.httpStatus.map(String.init) == problem
    }

    fileprivate func matches(_ result: CancelResult) -> Bool {
      outcomes.contains(result.outcome)
        && (problem.map { isMet(result, $0) } ?? true)
        && (account.map { result.account?.description == $0 } ?? true)
        && (campaignID.map { result.echo.details.campaignID == $0 } ?? true)
    }
  }

  private struct Key: Hashable {
    var orderID: OrderID
    var account: AccountName
  }

  private let filter: Filter
  /// The last word on each order: when it was said, and the result where it is one that is looked for.
  private var last: [Key: (answeredAt: Timestamp, result: CancelResult?)] = [:]
  private var priorities: [SourceCoordinates: Priority] = [:]

  /// A selection of results that meet a filter.
  public init(_ filter: Filter) {
    self.filter = filter
  }

  /// Takes a result; those of sweeps as a whole and those without an order are left out.
  public mutating func take(_ result: CancelResult) {
    guard let orderID = result.orderID, let account = result.account, result.outcome != .acknowledged else { return }
    let key = Key(orderID: orderID, account: account)
    if let known = last[key], known.answeredAt > result.stages.answered { return }
    last[key] = (result.stages.answered, result.outcome != .accepted && filter.matches(result) ? result : nil)
  }

  /// Where the requests stand that may be asked for again.
  public var sources: Set<SourceCoordinates> { Set(results.map(\.source)) }

  /// Takes a request's priority, which its result does not repeat.
  public mutating func take(_ priority: Priority, of source: SourceCoordinates) {
    priorities[source] = priority
  }

  /// The results whose requests are to be sent again, the oldest first.
  public var results: [CancelResult] {
    last.values.compactMap(\.result).sorted {
      ($0.stages.answered, $0.source.partition, $0.source.offset)
        < ($1.stages.answered, $1.source.partition, $1.source.offset)
    }
  }

  /// The requests to send.
  ///
  /// Each has an id and a campaign of its own, no deadline but the usual one, and all else as the request had it. What a
  /// sweep found goes as a kill-switch, as it did.
  public func requests(campaignID: String, decidedAt now: Timestamp, nextID: () -> String) -> [CancelRequest] {
    results.compactMap { result in
      guard let orderID = result.orderID else { return nil }
      var details = result.echo.details
      let priority = priorities[result.source] ?? (details.sweptBy == nil ? .routine : .killSwitch)
      details.sweptBy = nil
      details.campaignID = campaignID
      details.campaignSize = results.count
      details.decidedAt = now
      return CancelRequest(
        cancelID: nextID(), orderID: orderID, account: result.account, priority: priority, deadline: nil,
        details: details)
    }
  }
}
