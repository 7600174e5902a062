import ArgumentParser
import CancelService
import Kafka
import Operations

/// `cancel-worker topics`
struct TopicsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "topics",
    abstract: "Create the worker's topics, or tell what is wrong with them.",
    discussion: """
      EXAMPLES
        cancel-worker topics create --partitions 12 --replication-factor 3
        cancel-worker topics describe
      """,
    subcommands: [Create.self, Describe.self]
  )

  /// `cancel-worker topics create`
  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Create the topics as the worker needs them: equal partition counts, the ledger compacted.",
      discussion: """
        Topics that exist are left as they are; what is wrong with them is told, with the exit status 78.

        EXAMPLE
          cancel-worker topics create --config worker.yaml --partitions 12 --replication-factor 3
        """
    )

    @OptionGroup var file: ConfigurationOption

    @Option(help: "Partitions of each topic (default: topics.partitions).")
    var partitions: Int?

    @Option(help: "Copies of each partition; -1 leaves it to the broker (default: topics.replicationFactor).")
    var replicationFactor: Int?

    func validate() throws {
      if let partitions, partitions < 1 { throw ValidationError("--partitions must be 1 or more.") }
      if let replicationFactor, replicationFactor < 1 && replicationFactor != -1 {
        throw ValidationError("--replication-factor must be 1 or more, or -1 for the broker's default.")
      }
    }

    func run() async throws {
      let configuration = try file.load()
      try await untilInterrupted { try await create(configuration) }
    }

    private func create(_ configuration: WorkerConfiguration) async throws {
      let layout = TopicLayout(configuration.topicNames)
      let specifications = layout.specifications(
        partitions: partitions ?? configuration.topics.partitions,
        replicationFactor: replicationFactor ?? configuration.topics.replicationFactor)
      let failed = try await withAdmin(configuration, file) { admin in
        var failed = 0
        for outcome in try await admin.createTopics(specifications, timeout: .seconds(10)) {
          switch outcome.error {
          case nil: StandardOutput.write("created \(outcome.name)\n")
          case let error? where error.code == .topicAlreadyExists: StandardOutput.write("exists  \(outcome.name)\n")
          case let error?:
            failed += 1
            StandardOutput.write("failed  \(outcome.name): \(error.message)\n")
          }
        }
        guard failed == 0 else { return failed }
        try await waitUntilKnown(specifications.map(\.name), admin)
        try tell(try await layout.faults(admin))
        return 0
      }
      if failed > 0 { throw CommandFailure(.unavailable, "\(counted(failed, "topic")) could not be created") }
    }

    /// Brokers hear of new topics one after another.
    private func waitUntilKnown(_ names: [String], _ admin: KafkaAdmin) async throws {
      let deadline = ContinuousClock.now + .seconds(5)
      while try await admin.describeTopics(names, timeout: .seconds(5)).contains(where: { $0.partitions == nil }),
        ContinuousClock.now < deadline
      {
        try await Task.sleep(for: .milliseconds(50))
      }
    }
  }

  /// `cancel-worker topics describe`
  struct Describe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show the topics as they are, and what is wrong with them.",
      discussion: """
        Shows of each topic its partitions, how many brokers keep each of them and how many of these are in sync (the \
        least of all partitions), what happens to old records, and after how long. A topic that the worker can do \
        without is no fault. The exit status is 78 where something is wrong.

        EXAMPLE
          cancel-worker topics describe --config worker.yaml
        """
    )

    @OptionGroup var file: ConfigurationOption

    func run() async throws {
      let configuration = try file.load()
      try await untilInterrupted { try await describe(configuration) }
    }

    private func describe(_ configuration: WorkerConfiguration) async throws {
      let names = configuration.topicNames
      try await withAdmin(configuration, file) { admin in
        var rows = [["TOPIC", "PARTITIONS", "REPLICAS", "IN SYNC", "CLEANUP", "RETENTION"]]
        for topic in try await admin.describeTopics(names.all, timeout: .seconds(5)) {
          guard let partitions = topic.partitions else {
            let isOptional = topic.name == names.progress
            rows.append([topic.name, isOptional ? "missing (optional: no progress events)" : "missing"])
            continue
          }
          let settings = (try? await admin.topicConfiguration(topic.name, timeout: .seconds(5))) ?? [:]
          let leaderless = topic.leaderless > 0 ? " (\(topic.leaderless) without a leader)" : ""
          rows.append([
            topic.name, "\(partitions)\(leaderless)", "\(topic.replicas)", "\(topic.inSyncReplicas)",
            settings["cleanup.policy"] ?? "not told", Self.retention(settings),
          ])
        }
        StandardOutput.write(table(rows))
        try tell(try await TopicLayout(names).faults(admin))
      }
    }

    /// How long records are kept, in the largest unit that goes into it.
    static func retention(_ settings: [String: String]) -> String {
      if settings["cleanup.policy"] == "compact" { return "latest of each key" }
      guard let text = settings["retention.ms"], let milliseconds = Int64(text) else { return "not told" }
      if milliseconds < 0 { return "for ever" }
      let units: [(Int64, String)] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")]
      for (size, name) in units where milliseconds >= size && milliseconds % size == 0 {
        return "\(milliseconds / size)\(name)"
      }
      return "\(milliseconds)ms"
    }
  }
}

/// Tells the faults that keep a worker from its work, and ends the command where there are some.
private func tell(_ faults: [TopicFault]) throws {
  let grave = faults.filter(\.kind.endsWorker)
  for fault in grave { StandardOutput.write("fault: \(fault)\n") }
  if !grave.isEmpty { throw CommandFailure(.configuration, "\(counted(grave.count, "fault")) in the topics") }
}

private func table(_ rows: [[String]]) -> String {
  let columns = rows.map(\.count).max() ?? 0
  let widths = (0..<columns).map { column in rows.compactMap { $0.dropFirst(column).first?.count }.max() ?? 0 }
  return rows.map { row in
    let cells = row.enumerated().map { index, cell in
      index == row.count - 1 ? cell : cell + String(repeating: " ", count: max(0, widths[index] - cell.count))
    }
    return cells.joined(separator: "  ") + "\n"
  }.joined()
}
