import ArgumentParser
import CancelService
import Kafka
import Logging
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
        Topics that exist are left as they are.

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
      try await withAdmin(configuration) { admin in
        let layout = TopicLayout(configuration.topicNames)
        let outcomes = try await admin.createTopics(
          layout.specifications(
            partitions: partitions ?? configuration.topics.partitions,
            replicationFactor: replicationFactor ?? configuration.topics.replicationFactor))
        var failed = false
        for outcome in outcomes {
          switch outcome.error {
          case nil: StandardOutput.write("created \(outcome.name)\n")
          case let error? where error.code == .topicAlreadyExists: StandardOutput.write("exists  \(outcome.name)\n")
          case let error?:
            failed = true
            StandardOutput.write("failed  \(outcome.name): \(error)\n")
          }
        }
        if failed { throw CommandFailure(code: .unavailable, message: "not every topic could be created").exit }
      }
    }
  }

  /// `cancel-worker topics describe`
  struct Describe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show the topics as they are, and what is wrong with them.",
      discussion: """
        The exit status is 78 where something is wrong.

        EXAMPLE
          cancel-worker topics describe --config worker.yaml
        """
    )

    @OptionGroup var file: ConfigurationOption

    func run() async throws {
      let configuration = try file.load()
      try await withAdmin(configuration) { admin in
        let layout = TopicLayout(configuration.topicNames)
        let found = try await layout.partitions(admin)
        for name in configuration.topicNames.all {
          StandardOutput.write("\(name)\t\(found[name].map { "\($0) partitions" } ?? "missing")\n")
        }
        let faults = try await layout.faults(admin)
        for fault in faults { StandardOutput.write("fault: \(fault)\n") }
        if !faults.isEmpty {
          throw CommandFailure(code: .configuration, message: "\(faults.count) faults in the topics").exit
        }
      }
    }
  }
}

/// Runs `body` with an admin client; an unreachable broker ends the command with its own exit code.
func withAdmin(_ configuration: WorkerConfiguration, _ body: (KafkaAdmin) async throws -> Void) async throws {
  do {
    let admin = try KafkaAdmin(configuration: configuration.kafkaClient, logger: CommandLog.logger(configuration))
    do {
      try await body(admin)
      await admin.close(timeout: .seconds(5))
    } catch {
      await admin.close(timeout: .seconds(5))
      throw error
    }
  } catch let error as KafkaError {
    throw CommandFailure(code: Operations.ExitCode(for: error), error).exit
  }
}
