import ArgumentParser
import CancelService
import Kafka
import Operations

/// `cancel-worker status`
struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show the whole group: its members, and each worker's state, partitions, lag and oldest request.",
    discussion: """
      The broker is asked for the group, who has which partitions and how many requests have no committed answer; the \
      workers are asked at their admin ports. Without --worker and --service the worker on this \
      machine is asked.

      EXAMPLES
        cancel-worker status --worker worker-0:9464 --worker worker-1:9464
        cancel-worker status --service cancel-worker-headless:9464
        cancel-worker status --json | jq '.workers[].status.lag'

      EXIT STATUS
        0    all is well
        1    something is not; the last lines say what
        69   the broker can't be reached
      """
  )

  @OptionGroup var options: ConfigurationOption

  @Option(name: .customLong("worker"), help: ArgumentHelp("A worker's admin port; repeatable.", valueName: "host:port"))
  var workers: [String] = []

  @Option(
    help: ArgumentHelp(
      "A name behind which all workers stand, such as a headless service.", valueName: "name:port"))
  var service: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() async throws {
    let configuration = try options.load()
    let report: FleetReport = try await untilInterrupted { try await look(configuration) }
    for line in json ? [report.json] : report.lines { StandardOutput.write(line + "\n") }
    if !report.faults.isEmpty { throw CommandFailure(.notAccepted, "") }
  }

  private func look(_ configuration: WorkerConfiguration) async throws -> FleetReport {
    var addresses = workers
    if let service {
      do {
        addresses += try await FleetReader.addresses(behind: service)
      } catch {
        throw CommandFailure(.usage, "status: --service: \(error.reason)")
      }
    }
    if addresses.isEmpty { addresses = ["127.0.0.1:\(configuration.admin.port)"] }
    let asked = addresses
    let logger = CommandLog.logger(options)
    async let reports = FleetReader(logger: logger).ask(asked)
    let (group, requests) = (configuration.consumer.groupID, configuration.topicNames.requests)
    let (state, partitions, ends) = try await withAdmin(configuration, options) { admin in
      let partitions = try await admin.describeTopics([requests], timeout: .seconds(5)).first?.partitions
      let ends = partitions == nil ? nil : try? await admin.watermarks(of: requests, timeout: .seconds(5))
      return (try? await admin.describeGroup(group, timeout: .seconds(5)), partitions, ends)
    }
    var report = FleetReport(
      group: group, groupState: state?.state, members: state?.members, partitions: partitions, workers: await reports)
    report.owners = (state?.memberList ?? []).map { member in
      FleetReport.Owner(
        clientID: member.clientID, host: member.host,
        partitions: member.partitions.filter { $0.topic == requests }.map(\.partition).sorted())
    }.sorted { $0.clientID < $1.clientID }
    if let ends { report.lag = try? await lag(ends, configuration) }
    return report
  }

  /// How many requests of each partition lie behind the group's committed position.
  private func lag(
    _ ends: [Int32: KafkaWatermarks], _ configuration: WorkerConfiguration
  ) async throws -> [Int32: Int64] {
    let positions = try await KafkaPartitionReader.positions(
      configuration: configuration.kafkaClient, group: configuration.consumer.groupID,
      topic: configuration.topicNames.requests, partitions: ends.keys.sorted(), logger: CommandLog.logger(options))
    return Dictionary(
      uniqueKeysWithValues: ends.map { ($0.key, max(0, $0.value.high - max($0.value.low, positions[$0.key] ?? 0))) })
  }
}
