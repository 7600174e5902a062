import CancelContract
import Foundation

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

/// What became of one cancel, on one line: who asked for it, when, why, and what happened.
public struct AuditLine: Codable, Hashable, Sendable {
  /// When the request was produced.
  public var requestedAt: String
  /// When its outcome was decided; `nil` where it has no result yet.
  public var answeredAt: String?
  /// `accepted`, `rejected`, `expired`, `failed`, `invalid`, `acknowledged`, or `unanswered`.
  public var outcome: String
  /// The account; `nil` where none could be read, and for a sweep of several.
  public var account: String?
  /// The order; `nil` where none could be read, and for a sweep's own line.
  public var orderID: Int64?
  /// The request's id.
  public var cancelID: String
  /// Who decided, as the request said.
  public var actor: String?
  /// The system that sent it, as the request said.
  public var system: String?
  /// The algorithm, as the request said.
  public var algorithm: String?
  /// The desk, as the request said.
  public var desk: String?
  /// Why, as the request said.
  public var reason: String?
  /// The campaign that it belongs to.
  public var campaignID: String?
  /// The sweep that found the order.
  public var sweptBy: String?
  /// When the requester decided.
  public var decidedAt: String?
  /// How many calls were made.
  public var attempts: Int
  /// The `x-request-id` of each call.
  public var requestIDs: [String]
  /// The request whose answer it shares; `nil` where it has one of its own.
  public var duplicateOf: String?
  /// The API's token of an acceptance.
  public var token: String?
  /// The API's last HTTP status.
  public var httpStatus: Int?
  /// The kind of the problem.
  public var problemType: String?
  /// What the problem was.
  public var problem: String?
  /// What a lookup said of the order afterwards: `cancelled`, `filled`, …
  public var confirmation: String?
  /// The status by which it said so, as the API names it.
  public var confirmedStatus: String?
  /// Where the request stands: `topic/partition/offset`.
  public var source: String

  /// The line of a request without a result.
  init(unanswered echo: RequestEcho, orderID: OrderID?, account: AccountName?, producedAt: Timestamp) {
    self.init(echo, orderID: orderID, account: account, producedAt: producedAt, outcome: "unanswered")
  }

  /// The line of a result.
  init(_ result: CancelResult) {
    self.init(
      result.echo, orderID: result.orderID, account: result.account, producedAt: result.stages.produced,
      outcome: result.outcome.name)
    answeredAt = result.stages.answered.rfc3339
    attempts = result.attempts
    requestIDs = result.requestIDs.map { $0.lowercasedText }
    duplicateOf = result.deduplicated ? result.duplicateOf : nil
    token = result.token
    httpStatus = result.httpStatus
    problemType = result.problem?.type
    problem = result.problem?.summary
  }

  private init(
    _ echo: RequestEcho, orderID: OrderID?, account: AccountName?, producedAt: Timestamp, outcome: String
  ) {
    let details = echo.details
    requestedAt = producedAt.rfc3339
    self.outcome = outcome
    self.account = account?.description
    self.orderID = orderID?.value
    cancelID = echo.cancelID
    actor = details.origin?.actor
    system = details.origin?.system
    algorithm = details.origin?.algorithm
    desk = details.origin?.desk
    reason = details.reason
    campaignID = details.campaignID
    sweptBy = details.sweptBy
    decidedAt = details.decidedAt?.rfc3339
    attempts = 0
    requestIDs = []
    source = "\(echo.source)"
  }

  /// Takes what a lookup said of the order.
  mutating func take(_ confirmation: ConfirmationEvent) {
    self.confirmation = confirmation.verdict.rawValue
    confirmedStatus = confirmation.status.flatMap { $0.name ?? $0.id.map(String.init) }
  }
}

extension AuditLine {
  /// The columns of the table in a file of comma-separated values, in order.
  public static let columns: [(name: String, value: @Sendable (AuditLine) -> String)] = [
    ("requestedAt", { $0.requestedAt }), ("answeredAt", { $0.answeredAt ?? "" }), ("outcome", { $0.outcome }),
    ("account", { $0.account ?? "" }), ("orderId", { $0.orderID.map(String.init) ?? "" }),
    ("cancelId", { $0.cancelID }), ("actor", { $0.actor ?? "" }), ("system", { $0.system ?? "" }),
    ("algorithm", { $0.algorithm ?? "" }), ("desk", { $0.desk ?? "" }), ("reason", { $0.reason ?? "" }),
    ("campaignId", { $0.campaignID ?? "" }), ("sweptBy", { $0.sweptBy ?? "" }), ("decidedAt", { $0.decidedAt ?? "" }),
    ("attempts", { "\($0.attempts)" }), ("requestIds", { $0.requestIDs.joined(separator: " ") }),
    ("duplicateOf", { $0.duplicateOf ?? "" }), ("token", { $0.token ?? "" }),
    ("httpStatus", { $0.httpStatus.map(String.init) ?? "" }), ("problemType", { $0.problemType ?? "" }),
    ("problem", { $0.problem ?? "" }), ("confirmation", { $0.confirmation ?? "" }),
    ("confirmedStatus", { $0.confirmedStatus ?? "" }), ("source", { $0.source }),
  ]

  /// The names of the columns, as the first line of such a file.
  public static var csvHeader: String { columns.map(\.name).joined(separator: ",") }

  /// The line in such a file (RFC 4180). What a spreadsheet would take for a formula has an apostrophe before it.
  public var csv: String { AuditLine.columns.map { AuditLine.field($0.value(self)) }.joined(separator: ",") }

  private static func field(_ text: String) -> String {
    // Scalars, not characters: a combining mark behind a comma makes another character, and the comma stays.
    let isFormula = text.unicodeScalars.first.map { "=+-@\t\r\n".unicodeScalars.contains($0) } ?? false
    let safe = (isFormula ? "'" + text : text).unicodeScalars
    guard safe.contains(where: { ",\"\r\n".unicodeScalars.contains($0) }) else { return String(safe) }
    var quoted = String.UnicodeScalarView("\"".unicodeScalars)
    for scalar in safe {
      quoted.append(scalar)
      if scalar == "\"" { quoted.append(scalar) }
    }
    quoted.append("\"")
    return String(quoted)
  }

  /// The line as JSON, without the members that have no value.
  public var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else { preconditionFailure("Texts and numbers are always JSON.") }
    return String(decoding: data, as: UTF8.self)
  }

  private enum CodingKeys: String, CodingKey {
    case requestedAt, answeredAt, outcome, account
    case orderID = "orderId"
    case cancelID = "cancelId"
    case actor, system, algorithm, desk, reason
    case campaignID = "campaignId"
    case sweptBy, decidedAt, attempts
    case requestIDs = "requestIds"
    case duplicateOf, token, httpStatus, problemType, problem, confirmation, confirmedStatus, source
  }
}
