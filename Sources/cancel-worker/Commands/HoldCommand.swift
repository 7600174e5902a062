import ArgumentParser
import CancelContract
import CancelService
import Foundation
import Kafka
import Operations

/// `cancel-worker hold`
struct HoldCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hold",
    abstract: "Hold cancels back: of one account or of all, routine ones or kill-switches too.",
    discussion: """
      Every worker of the group obeys within a second, and remembers it through restarts. Requests are still taken; they \
      wait, and their deadlines run. Calls in flight are finished. Without --account every account is held, and with \
      --list the holds in force are shown and nothing is changed.

      EXAMPLES
        cancel-worker hold --account desk-a --reason "checking positions"
        cancel-worker hold --kill-switches --actor ops-2 --reason "wrong accounts file"
        cancel-worker hold --list
      """
  )

  @OptionGroup var options: ConfigurationOption

  @Option(name: .customLong("account"), help: "An account to hold; repeatable. Every account by default.")
  var accounts: [String] = []

  @Flag(help: "Kill-switches wait too. Without it they are called for as ever.")
  var killSwitches = false

  @Flag(help: "Show the holds in force.")
  var list = false

  @OptionGroup var details: HoldDetails

  func validate() throws {
    if list, !accounts.isEmpty || killSwitches || details.reason != nil || details.actor != nil {
      throw ValidationError("--list changes nothing and takes none of the other options.")
    }
  }

  func run() async throws {
    let configuration = try options.load()
    if list {
      let options = options
      let holds = try await untilInterrupted { try await HoldPublisher(configuration, options).standing() }
      let lines = holds.all.map(\.sentence)
      for line in lines.isEmpty ? ["nothing is held"] : lines { StandardOutput.write(line + "\n") }
      return
    }
    let extent: HoldEvent.Extent = killSwitches ? .all : .routine
    try await details.publish(extent, of: accounts, configuration, options)
  }
}

/// `cancel-worker resume`
struct ResumeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume",
    abstract: "Let cancels go that were held back.",
    discussion: """
      Without --account the hold of every account ends, and those of single accounts stay.

      EXAMPLES
        cancel-worker resume
        cancel-worker resume --account desk-a --actor ops-2
      """
  )

  @OptionGroup var options: ConfigurationOption

  @Option(name: .customLong("account"), help: "An account to let go; repeatable. The hold of every account by default.")
  var accounts: [String] = []

  @OptionGroup var details: HoldDetails

  func run() async throws {
    try await details.publish(.none, of: accounts, try options.load(), options)
  }
}

/// Who decides, and why.
struct HoldDetails: ParsableArguments {
  @Option(help: "Who decides it, for the audit; the user's name by default.")
  var actor: String?

  @Option(help: "Why, for the audit.")
  var reason: String?

  func validate() throws {
    for (option, text) in [("--actor", actor), ("--reason", reason)] {
      guard let text else { continue }
      guard (1...256).contains(text.utf8.count) else { throw ValidationError("\(option) is 1 to 256 bytes.") }
    }
  }

  func publish(
    _ extent: HoldEvent.Extent, of accounts: [String], _ configuration: WorkerConfiguration,
    _ options: ConfigurationOption
  ) async throws {
    let user = ProcessInfo.processInfo.environment["USER"].flatMap { $0.isEmpty ? nil : String($0.prefix(64)) }
    let names: [AccountName?] = accounts.isEmpty ? [nil] : accounts.map { AccountName($0) }
    let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1e6))
    let (actor, reason) = (actor ?? user, reason)
    let events = names.map { HoldEvent(account: $0, extent: extent, actor: actor, reason: reason, at: now) }
    try await untilInterrupted { try await HoldPublisher(configuration, options).publish(events) }
    for event in events { StandardOutput.write(event.sentence + "\n") }
  }
}

/// Writes holds to the control topic, and reads what is in force.
private struct HoldPublisher: Sendable {
  private let configuration: WorkerConfiguration
  private let options: ConfigurationOption

  init(_ configuration: WorkerConfiguration, _ options: ConfigurationOption) {
    self.configuration = configuration
    self.options = options
  }

  func publish(_ events: [HoldEvent]) async throws {
    try await withAdmin(configuration, options) { admin in
      try await needTopics(admin, [("topics.control", configuration.topicNames.control)])
      await warnWhenUnattended(
        admin, configuration, waits: "the hold takes effect when one starts, and nothing is sent")
    }
    let encoder = HoldEncoder(eventSource: "/cancel-worker/hold")
    try await withProducer(configuration, options) { producer in
      _ = try await producer.publish(
        events.map { event in
          let record = encoder.encode(event)
          return KafkaRecord(
            topic: configuration.topicNames.control, key: record.key, value: record.value,
            headers: record.headers.map { KafkaHeader(name: $0.name, value: $0.value) })
        })
    }
  }

  func standing() async throws -> Holds {
    try await withAdmin(configuration, options) { admin in
      try await needTopics(admin, [("topics.control", configuration.topicNames.control)])
    }
    return try await HoldFollower(
      configuration: configuration.kafkaClient, topic: configuration.topicNames.control,
      logger: CommandLog.logger(options)
    ).read().holds
  }
}

extension HoldEvent {
  /// `held: routine cancels of desk-a, since … by ops-2 (checking positions)`.
  fileprivate var sentence: String {
    let whose = account.map { "\($0)" } ?? "every account"
    let what =
      switch extent {
      case .none: "let go: cancels of \(whose)"
      case .routine: "held: routine cancels of \(whose)"
      case .all: "held: all cancels of \(whose), kill-switches too"
      }
    let since = Date(timeIntervalSince1970: Double(at.microseconds) / 1e6).formatted(.iso8601)
    return "\(what), since \(since)" + (actor.map { " by \($0)" } ?? "") + (reason.map { " (\($0))" } ?? "")
  }
}
