import ArgumentParser
import CancelContract
import Foundation
import Kafka
import Operations
import Synchronization

/// `cancel-worker replay`
struct ReplayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Ask again for cancels that came to nothing, such as those that failed during an outage.",
    discussion: """
      Looks at the last result of each order, and sends those again whose outcome is the one that is named. An order that \
      was accepted or rejected since is left out. The requests are a campaign of their own. Without --yes the number is \
      shown first.

      EXAMPLES
        cancel-worker replay --outcome failed --since 2h --dry-run
        cancel-worker replay --outcome failed --problem credential-refused --since 2h --yes --wait

      EXIT STATUS
        as for request; 1 also where nothing was found
      """
  )

  @OptionGroup var options: ConfigurationOption

  @Option(name: .customLong("outcome"), help: "failed, expired or rejected; repeatable.")
  var outcomes: [String] = []

  @Option(
    help: ArgumentHelp("Only problems of this type (its end will do), or of this HTTP status.", valueName: "type"))
  var problem: String?

  @Option(help: "Only this account.")
  var account: String?

  @Option(help: "Only this campaign.")
  var campaign: String?

  @Option(help: ArgumentHelp("From when on: a time, or how long ago, such as 2h.", valueName: "time"))
  var since: String?

  @Flag(help: "Count, and send nothing.")
  var dryRun = false

  @Flag(help: "Don't ask first.")
  var yes = false

  @Flag(help: "Wait for the results and print each as it comes.")
  var wait = false

  @Flag(help: "Print JSON, one object a line.")
  var json = false

  @Option(help: ArgumentHelp("How long to wait for the results.", valueName: "duration"))
  var timeout = "60s"

  func run() async throws {
    guard let patience = Duration(configured: timeout) else {
      throw CommandFailure(.usage, "replay: --timeout: '\(timeout)' is not a duration such as 30s")
    }
    let filter = try filter()
    let time = try TopicHistory.time(since, "replay")
    let configuration = try options.load()
    let selection = try await untilInterrupted {
      try await withBroker(configuration, options) { try await select(configuration, filter, time) }
    }
    let campaignID = "replay-\(UUID().lowercasedText.prefix(8))"
    let requests = selection.requests(
      campaignID: campaignID, decidedAt: .now, nextID: { UUID().lowercasedText })
    guard !requests.isEmpty else { throw CommandFailure(.notAccepted, "nothing is to be asked for again") }
    guard try isAgreedTo(requests.count, campaignID) else { return }
    let replay = RequestCampaign(
      requests: requests, configuration: configuration, options: options,
      output: .init(waits: wait, json: json, isSummary: true), patience: patience)
    do {
      try await interruptible { try await replay.run() }
    } catch let error as Interrupted {
      throw CommandFailure(status: error.status, replay.farewell)
    }
  }

  private func filter() throws -> ReplaySelection.Filter {
    var filter = ReplaySelection.Filter()
    guard !outcomes.isEmpty else {
      throw CommandFailure(.usage, "replay: give --outcome failed, expired or rejected")
    }
    for name in outcomes.flatMap({ $0.split(separator: ",") }) {
      switch name {
      case "failed": filter.outcomes.insert(.failed)
      case "expired": filter.outcomes.insert(.expired)
      case "rejected": filter.outcomes.insert(.rejected)
      default: throw CommandFailure(.usage, "replay: --outcome: '\(name)' is not failed, expired or rejected")
      }
    }
    (filter.problem, filter.account, filter.campaignID) = (problem, account, campaign)
    return filter
  }

  private func select(
    _ configuration: WorkerConfiguration, _ filter: ReplaySelection.Filter, _ since: Timestamp?
  ) async throws -> ReplaySelection {
    let selection = Mutex(ReplaySelection(filter))
    let history = TopicHistory(configuration: configuration, options: options, since: since)
    try await history.read(configuration.topicNames.results) { messages in
      for message in messages {
        if let result = try? ResultDecoder().decode(message).result { selection.withLock { $0.take(result) } }
      }
    }
    let sources = selection.withLock { $0.sources }
    guard !sources.isEmpty else { return selection.withLock { $0 } }
    // A request may be older than its result.
    let all = TopicHistory(configuration: configuration, options: options, since: nil)
    try await all.read(configuration.topicNames.requests) { messages in
      for message in messages {
        let source = SourceCoordinates(topic: message.topic, partition: message.partition, offset: message.offset)
        guard sources.contains(source), case .cancel(let received)? = RequestDecoder().decode(message) else { continue }
        selection.withLock { $0.take(received.request.priority, of: source) }
      }
    }
    return selection.withLock { $0 }
  }

  private func isAgreedTo(_ count: Int, _ campaignID: String) throws -> Bool {
    let what = "\(counted(count, "cancel")) to ask for again, as campaign \(campaignID)"
    if dryRun {
      StandardOutput.write(what + "\n")
      return false
    }
    if yes {
      StandardError.write(what + "\n")
      return true
    }
    guard isatty(STDIN_FILENO) == 1 else {
      throw CommandFailure(.usage, "replay: \(what); give --yes to send them, or --dry-run to count only")
    }
    StandardError.write("\(what): send? [y/N] ")
    guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
      StandardError.write("nothing was sent\n")
      return false
    }
    return true
  }
}
