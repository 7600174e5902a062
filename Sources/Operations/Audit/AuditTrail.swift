import CancelContract

/// Joins requests, results and confirmations into one line for each cancel.
///
/// Results are taken first: they repeat what their requests said. Of the requests only those without a result are kept.
/// Memory is bounded by the number of lines, and by the places of answered requests, which take some ten bytes each.
public struct AuditTrail: Sendable {
  /// Which cancels are looked for: those that meet all that is given.
  public struct Filter: Sendable {
    /// This order.
    public var orderID: Int64?
    /// Decided by this person or system.
    public var actor: String?
    /// Of this campaign.
    public var campaignID: String?
    /// Of this account.
    public var account: String?
    /// Answered, or where it has no answer produced, no earlier.
    public var since: Timestamp?

    /// All cancels.
    public init() {}

    fileprivate func matches(_ line: AuditLine, at time: Timestamp) -> Bool {
      (orderID == nil || line.orderID == orderID) && (actor == nil || line.actor == actor)
        && (campaignID == nil || line.campaignID == campaignID) && (account == nil || line.account == account)
        && (since.map { $0 <= time } ?? true)
    }
  }

  /// There are more cancels than are kept.
  public struct TooMany: Error, Sendable, CustomStringConvertible {
    /// How many are kept.
    public var limit: Int

    /// What can be done.
    public var description: String {
      "more than \(limit) cancels were found: narrow the search, as by --since or --account, or raise --limit"
    }
  }

  private struct Key: Hashable {
    var source: SourceCoordinates
    var orderID: OrderID?
    var account: AccountName?
  }

  private let filter: Filter
  private let limit: Int
  private let startedAt: Timestamp
  private var found: [(at: Timestamp, line: AuditLine)] = []
  private var places: [Key: Int] = [:]
  private var answered: [Int32: Set<Int64>] = [:]

  /// A trail of the cancels that meet a filter, at most `limit` of them.
  ///
  /// - Parameter startedAt: when the reading of results began. A request that is younger may have a result that was not
  ///   read any more, so nothing is said of it.
  public init(_ filter: Filter, limit: Int, startedAt: Timestamp) {
    self.filter = filter
    self.limit = limit
    self.startedAt = startedAt
  }

  /// Takes a result.
  ///
  /// - Throws: ``TooMany``.
  public mutating func take(_ result: CancelResult) throws(TooMany) {
    // The results of orders that a sweep found have the sweep's place, and say nothing of the sweep itself.
    if result.echo.details.sweptBy == nil {
      answered[result.source.partition, default: []].insert(result.source.offset)
    }
    let line = AuditLine(result)
    guard filter.matches(line, at: result.stages.answered) else { return }
    let key = Key(source: result.source, orderID: result.orderID, account: result.account)
    // Without transactions a result may be published twice.
    guard places[key] == nil || result.orderID == nil else { return }
    places[key] = found.count
    try add(line, at: result.stages.produced)
  }

  /// Takes what a lookup said of an order; its result was taken before.
  public mutating func take(_ confirmation: ConfirmationEvent) {
    let key = Key(
      source: confirmation.echo.source, orderID: confirmation.orderID, account: confirmation.account)
    if let place = places[key] { found[place].line.take(confirmation) }
  }

  /// Takes a request; all results were taken before.
  ///
  /// - Parameters:
  ///   - orderID: `nil` for a sweep.
  ///   - account: as the request names it.
  /// - Throws: ``TooMany``.
  public mutating func take(
    request echo: RequestEcho, orderID: OrderID?, account: AccountName?, producedAt: Timestamp
  ) throws(TooMany) {
    guard producedAt < startedAt, answered[echo.source.partition]?.contains(echo.source.offset) != true else { return }
    let line = AuditLine(unanswered: echo, orderID: orderID, account: account, producedAt: producedAt)
    guard filter.matches(line, at: producedAt) else { return }
    try add(line, at: producedAt)
  }

  private mutating func add(_ line: AuditLine, at time: Timestamp) throws(TooMany) {
    guard found.count < limit else { throw TooMany(limit: limit) }
    found.append((time, line))
  }

  /// The lines, the oldest request first.
  public var lines: [AuditLine] {
    found.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element.line)
  }
}
