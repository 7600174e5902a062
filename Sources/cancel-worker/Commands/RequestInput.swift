import CancelContract
import Foundation

/// Reads requests from a file of many orders: CSV with a header, one order id a line, or JSON lines.
///
/// The members are those of a request on its topic. All faults are told with their lines, the first twenty by name.
struct RequestInput {
  /// What the command line says for requests that don't say it themselves.
  struct Defaults {
    var account: AccountName?
    var priority: Priority = .routine
    var reason: String?
    var actor: String?
    var campaignID: String?
    var campaignSize: Int?
    var wantsConfirmation = false
    var deadline: Timestamp?
    var now: Timestamp
  }

  /// A file that can't be taken.
  struct Faults: Error, CustomStringConvertible {
    var lines: [(line: Int, message: String)]

    var description: String {
      let shown = lines.prefix(20).map { "\n  line \($0.line): \($0.message)" }.joined()
      let more = lines.count > 20 ? "\n  and \(lines.count - 20) more" : ""
      return "nothing was published: \(counted(lines.count, "line")) can't be read:" + shown + more
    }
  }

  /// More would be held in memory at once than makes sense; such a file can be split.
  static let mostRequests = 1_000_000
  private static let columns = ["orderId", "account", "priority", "reason", "campaignId", "cancelId", "deadline"]

  let defaults: Defaults

  /// The requests in the text.
  ///
  /// - Throws: `Faults`; nothing of a file with a fault is to be published.
  func read(_ bytes: [UInt8]) throws -> [CancelRequest] {
    var requests: [CancelRequest] = []
    var faults: [(line: Int, message: String)] = []
    var header: [String]?
    for (index, raw) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
      var line = raw
      if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
      if index == 0, line.starts(with: [0xEF, 0xBB, 0xBF]) { line = line.dropFirst(3) }
      if line.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) { continue }
      do {
        if line.first == UInt8(ascii: "{") {
          requests.append(try request(json: Array(line)))
        } else {
          let fields = try Self.fields(String(decoding: line, as: UTF8.self))
          if header == nil {
            if let found = try Self.header(fields) {
              header = found
              continue
            }
            header = ["orderId"]
          }
          requests.append(try request(fields, header ?? []))
        }
        if requests.count > Self.mostRequests {
          throw Faults(lines: [(index + 1, "more than \(Self.mostRequests) requests; split the file")])
        }
      } catch let fault as LineFault {
        faults.append((index + 1, fault.message))
      }
    }
    guard faults.isEmpty else { throw Faults(lines: faults) }
    return requests
  }

  private struct LineFault: Error {
    var message: String
  }

  /// A line of JSON is read as the worker would read it.
  private func request(json: [UInt8]) throws -> CancelRequest {
    let decoded = RequestDecoder().decode(
      value: json, key: nil, headers: [], source: SourceCoordinates(topic: "", partition: 0, offset: 0),
      producedAt: defaults.now, receivedAt: defaults.now)
    switch decoded {
    case .success(.sweep): throw LineFault(message: "asks for a sweep: send it by itself, with --all")
    case .success(.cancel(let received)):
      var request = received.request
      if request.cancelID == received.source.description { request.cancelID = UUID().lowercasedText }
      return completed(request)
    case .failure(let unreadable):
      throw LineFault(message: unreadable.problem.summary ?? "is no request")
    }
  }

  private func request(_ fields: [String], _ header: [String]) throws -> CancelRequest {
    guard fields.count <= header.count else {
      throw LineFault(message: "has \(counted(fields.count, "field")), the header \(header.count)")
    }
    var values: [String: String] = [:]
    for (name, value) in zip(header, fields) where !value.isEmpty { values[name] = value }
    let order = values["orderId"] ?? ""
    guard let number = Int64(order), let orderID = OrderID(number) else {
      throw LineFault(message: "'\(order.prefix(40))' is not an order's number: a positive 64-bit integer")
    }
    var request = CancelRequest(
      cancelID: values["cancelId"] ?? UUID().lowercasedText, orderID: orderID,
      account: values["account"].map { AccountName($0) },
      details: RequestDetails(reason: values["reason"], campaignID: values["campaignId"]))
    if let text = values["priority"] {
      guard let priority = Priority.allCases.first(where: { $0.name == text }) else {
        throw LineFault(message: "priority '\(text.prefix(40))' is not 'routine' or 'killSwitch'")
      }
      request.priority = priority
    }
    if let text = values["deadline"] {
      guard let duration = Duration(configured: text) else {
        throw LineFault(message: "deadline '\(text.prefix(40))' is not a duration such as 30s")
      }
      request.deadline = defaults.now + duration
    }
    return completed(request)
  }

  private func completed(_ request: CancelRequest) -> CancelRequest {
    var request = request
    request.account = request.account ?? defaults.account
    request.priority = max(request.priority, defaults.priority)
    request.details.reason = request.details.reason ?? defaults.reason
    request.details.campaignID = request.details.campaignID ?? defaults.campaignID
    request.details.campaignSize = request.details.campaignSize ?? defaults.campaignSize
    if let actor = defaults.actor, request.details.origin == nil {
      request.details.origin = RequestDetails.Origin(actor: actor)
    }
    if defaults.wantsConfirmation { request.details.wantsConfirmation = true }
    request.details.decidedAt = request.details.decidedAt ?? defaults.now
    request.deadline = request.deadline ?? defaults.deadline
    return request
  }

  /// The columns that a first line names; `nil` where it is an order already.
  private static func header(_ fields: [String]) throws -> [String]? {
    if fields.count == 1, let first = fields.first, Int64(first) != nil { return nil }
    let known = Dictionary(uniqueKeysWithValues: columns.map { ($0.lowercased(), $0) })
    let names = try fields.map { field in
      let folded = field.lowercased().filter { $0 != "_" && $0 != " " && $0 != "-" }
      guard let name = known[folded] else {
        throw LineFault(
          message: "'\(field.prefix(40))' is no column; the first line names some of \(columns.joined(separator: ", "))"
        )
      }
      return name
    }
    guard names.contains("orderId") else { throw LineFault(message: "the header has no column orderId") }
    guard Set(names).count == names.count else { throw LineFault(message: "the header names a column twice") }
    return names
  }

  /// The fields of a line of CSV (RFC 4180, without line breaks in a field).
  private static func fields(_ line: String) throws -> [String] {
    var fields: [String] = []
    var field = ""
    var isQuoted = false
    var rest = line[...]
    while let character = rest.popFirst() {
      switch character {
      case "\"" where isQuoted && rest.first == "\"":
        field.append("\"")
        rest = rest.dropFirst()
      case "\"" where isQuoted: isQuoted = false
      case "\"" where field.isEmpty: isQuoted = true
      case "," where !isQuoted:
        fields.append(field.trimmingCharacters(in: .whitespaces))
        field = ""
      default: field.append(character)
      }
    }
    guard !isQuoted else { throw LineFault(message: "a quotation mark is not closed") }
    return fields + [field.trimmingCharacters(in: .whitespaces)]
  }
}
