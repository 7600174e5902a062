import ArgumentParser
import CancelContract
import CancelService
import Foundation
import Kafka
import Operations
import Synchronization

/// `cancel-worker campaign`
struct CampaignCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "campaign",
    abstract: "Show how a campaign stands: a sweep, or the requests that name it.",
    discussion: """
      The figures are the sum of the parts that each partition of the requests has. With --follow they are shown as they \
      change, until nothing of the campaign waits.

      EXAMPLES
        cancel-worker campaign ks-7
        cancel-worker campaign ks-7 --follow
        cancel-worker campaign ks-7 --json | jq .waiting

      EXIT STATUS
        0    shown
        1    there is no such campaign, or it is forgotten
        69   the broker can't be reached
      """
  )

  @OptionGroup var options: ConfigurationOption

  @Argument(help: "The campaign's id; that of a sweep which names none is its own.")
  var id: String

  @Flag(help: "Go on until nothing of it waits.")
  var follow = false

  @Flag(help: "Print JSON, one object for each part.")
  var json = false

  func run() async throws {
    let configuration = try options.load()
    if follow {
      try await untilInterrupted { try await show(configuration) }
    } else {
      try await show(configuration)
    }
  }

  private func show(_ configuration: WorkerConfiguration) async throws {
    let (id, json) = (id, json)
    try await withAdmin(configuration, options) { admin in
      let topic = configuration.topicNames.campaigns
      try await needTopics(admin, [("topics.campaigns", topic)])
      let partitions = try await admin.describeTopics([topic], timeout: .seconds(5)).first?.partitions ?? 0
      let parts = CampaignParts(id)
      let logger = CommandLog.logger(options)
      // What follows is listened for before what is there is read, so that nothing is missed.
      let tail =
        follow
        ? try await KafkaTail.open(
          configuration: configuration.kafkaClient, topic: topic, from: .end, logger: logger, timeout: .seconds(5))
        : nil
      _ = try await KafkaPartitionReader.readToEnd(
        configuration: configuration.kafkaClient, topic: topic,
        from: Dictionary(uniqueKeysWithValues: (0..<Int32(partitions)).map { ($0, 0) }), logger: logger
      ) { messages in
        for message in messages { parts.take(message) }
      }
      if !parts.isEmpty || !follow { try parts.show(json: json) }
      guard let tail, !parts.isDone else { return }
      try await tail.run { messages in
        var isNew = false
        for message in messages { isNew = parts.take(message) || isNew }
        guard isNew else { return .continue }
        try parts.show(json: json)
        return parts.isDone ? .stop : .continue
      }
    }
  }
}

/// The parts of one campaign, by partition.
private final class CampaignParts: Sendable {
  private struct Part {
    var record: CampaignRecord
    var value: [UInt8]
  }

  private let id: String
  private let parts = Mutex<[Int32: Part]>([:])

  init(_ id: String) {
    self.id = id
  }

  /// - Returns: whether the record is one of the campaign's.
  @discardableResult
  func take(_ message: KafkaMessage) -> Bool {
    guard message.key == Array(id.utf8) else { return false }
    guard let value = message.value else {
      return parts.withLock { $0.removeValue(forKey: message.partition) } != nil
    }
    guard let record = try? CampaignDecoder().decode(value: value), record.campaignID == id else { return false }
    parts.withLock { $0[message.partition] = Part(record: record, value: value) }
    return true
  }

  var isEmpty: Bool { parts.withLock { $0.isEmpty } }

  /// Whether nothing of it waits, and where its size is known, all of it came.
  var isDone: Bool {
    parts.withLock { parts in
      let records = parts.values.map(\.record)
      let answered = records.reduce(0) { $0 + $1.counts.answered }
      let size = records.compactMap(\.size).max() ?? 0
      return !records.isEmpty && records.allSatisfy { $0.state == .done } && answered >= size
    }
  }

  /// Writes how it stands.
  ///
  /// - Throws: `CommandFailure` where there is no such campaign.
  func show(json: Bool) throws {
    let parts = parts.withLock { $0.sorted { $0.key < $1.key }.map(\.value) }
    guard !parts.isEmpty else {
      throw CommandFailure(.notAccepted, "there is no campaign '\(id)', or it was forgotten")
    }
    if json {
      for part in parts { StandardOutput.write(String(decoding: part.value, as: UTF8.self) + "\n") }
      return
    }
    StandardOutput.write("\(isDone ? "done" : "running") \(SweepLines.line(parts.map(\.record)))\n")
    var accounts: [AccountName: CampaignRecord.Counts] = [:]
    for part in parts {
      for (account, counts) in part.record.accounts {
        accounts[account, default: .init()].waiting += counts.waiting
        for (outcome, count) in counts.outcomes {
          accounts[account, default: .init()].outcomes[outcome, default: 0] += count
        }
      }
    }
    guard accounts.count > 1 else { return }
    for (account, counts) in accounts.sorted(by: { $0.key.description < $1.key.description }) {
      let outcomes = CancelOutcome.allCases.compactMap { outcome in
        counts.outcomes[outcome].map { "\(outcome.name)=\($0)" }
      }
      StandardOutput.write("  \(account): \(outcomes.joined(separator: " ")) waiting=\(counts.waiting)\n")
    }
  }
}
