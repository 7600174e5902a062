import ArgumentParser
import CancelContract
import Foundation
import Kafka
import Operations
import Synchronization

/// `cancel-worker audit`
struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit",
    abstract: "Tell of each cancel who asked for it, when, why, and what happened.",
    discussion: """
      Joins the requests, results and confirmations that the topics still hold, up to now: one line for each cancel, and \
      one for each order that a sweep found. A request without a result is 'unanswered'.

      EXAMPLES
        cancel-worker audit --since 24h
        cancel-worker audit --order 13902598 --json
        cancel-worker audit --campaign ks-7 --csv > ks-7.csv

      EXIT STATUS
        0    shown
        1    nothing was found
        69   the broker can't be reached
      """
  )

  @OptionGroup var options: ConfigurationOption

  @Option(help: "Only this order.")
  var order: Int64?

  @Option(help: "Only what this person or system asked for.")
  var actor: String?

  @Option(help: "Only this campaign.")
  var campaign: String?

  @Option(help: "Only this account.")
  var account: String?

  @Option(help: ArgumentHelp("From when on: a time, or how long ago, such as 24h.", valueName: "time"))
  var since: String?

  @Option(help: "At most so many cancels; more are an error.")
  var limit = 1_000_000

  @Flag(help: "Print JSON, one object a line.")
  var json = false

  @Flag(help: "Print comma-separated values with a header.")
  var csv = false

  func validate() throws {
    if json && csv { throw ValidationError("Give --json or --csv, not both.") }
    if limit < 1 { throw ValidationError("--limit is 1 or more; it is \(limit).") }
  }

  func run() async throws {
    let configuration = try options.load()
    let since = try TopicHistory.time(since, "audit")
    try await untilInterrupted {
      let lines = try await withBroker(configuration, options) { try await trail(configuration, since) }
      if csv { StandardOutput.write(AuditLine.csvHeader + "\r\n") }
      for line in lines { StandardOutput.write(csv ? line.csv + "\r\n" : json ? line.json + "\n" : text(line) + "\n") }
      if lines.isEmpty { throw CommandFailure(.notAccepted, "no cancel was found") }
    }
  }

  private func trail(_ configuration: WorkerConfiguration, _ since: Timestamp?) async throws -> [AuditLine] {
    var filter = AuditTrail.Filter()
    (filter.orderID, filter.actor, filter.campaignID, filter.account, filter.since) = (
      order, actor, campaign, account, since
    )
    let trail = Mutex(AuditTrail(filter, limit: limit, startedAt: .now))
    let history = TopicHistory(configuration: configuration, options: options, since: since)
    let topics = configuration.topicNames
    do {
      try await history.read(topics.results) { messages in
        for message in messages {
          guard let result = try? ResultDecoder().decode(message).result else { continue }
          try trail.withLock { try $0.take(result) }
        }
      }
      try await history.read(topics.confirmations) { messages in
        for message in messages {
          if let event = try? ConfirmationDecoder().decode(message) { trail.withLock { $0.take(event) } }
        }
      }
      try await history.read(topics.requests) { messages in
        for message in messages {
          switch RequestDecoder().decode(message) {
          case .cancel(let received)?:
            try trail.withLock {
              try $0.take(
                request: received.echo, orderID: received.request.orderID, account: received.request.account,
                producedAt: received.producedAt)
            }
          case .sweep(let received)?:
            let account: AccountName? = if case .account(let name) = received.request.scope { name } else { nil }
            try trail.withLock {
              try $0.take(request: received.echo, orderID: nil, account: account, producedAt: received.producedAt)
            }
          case nil: continue
          }
        }
      }
    } catch let error as AuditTrail.TooMany {
      throw CommandFailure(.data, "audit: \(error)")
    }
    return trail.withLock { $0.lines }
  }

  /// A line for people: what is empty is left out.
  private func text(_ line: AuditLine) -> String {
    var parts = ["\(line.requestedAt)  \(line.outcome.uppercased())"]
    parts.append(line.orderID.map { "order \($0)" } ?? "all orders")
    if let account = line.account { parts.append("account \(account)") }
    if let actor = line.actor ?? line.system { parts.append("by \(actor)") }
    if let reason = line.reason { parts.append("because \"\(reason)\"") }
    if let campaign = line.campaignID { parts.append("campaign \(campaign)") }
    if let answered = line.answeredAt { parts.append("answered \(answered)") }
    if line.attempts > 0 { parts.append("\(counted(line.attempts, "call")) \(line.requestIDs.joined(separator: " "))") }
    if let other = line.duplicateOf { parts.append("shares the answer of \(other)") }
    if let problem = line.problem { parts.append("problem \(line.problemType ?? "-"): \(problem)") }
    if let confirmation = line.confirmation {
      parts.append("confirmed \(confirmation)\(line.confirmedStatus.map { " (\($0))" } ?? "")")
    }
    parts.append("id \(line.cancelID) at \(line.source)")
    return parts.joined(separator: "  ")
  }
}
