import ArgumentParser
import CancelContract
import CancelService
import Foundation
import Kafka
import Operations

/// `cancel-worker watch`
struct WatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Print results as they are published.",
    discussion: """
      An outcome with a * was answered without a call of its own. Coloured on a terminal, unless NO_COLOR is set. SIGINT \
      or SIGTERM ends it.

      EXAMPLES
        cancel-worker watch
        cancel-worker watch --account desk-a
        cancel-worker watch --from-beginning --json | jq .outcome
      """
  )

  @OptionGroup var file: ConfigurationOption

  @Flag(help: "Print the results' JSON, one a line.")
  var json = false

  @Flag(help: "Begin with the oldest result instead of the next one.")
  var fromBeginning = false

  @Option(help: "Only results of this order.")
  var order: Int64?

  @Option(help: "Only results of this account.")
  var account: String?

  func run() async throws {
    let configuration = try file.load()
    try await untilInterrupted { try await watch(configuration) }
  }

  private func watch(_ configuration: WorkerConfiguration) async throws {
    let printer = ResultPrinter(json: json)
    let (order, account) = (order, account)
    try await withBroker(configuration, file) {
      let tail = try await KafkaTail.open(
        configuration: configuration.kafkaClient, topic: configuration.topicNames.results,
        from: fromBeginning ? .beginning : .end, logger: CommandLog.logger(file), timeout: .seconds(5))
      printer.begin()
      try await tail.run { messages in
        for message in messages {
          guard let event = try? ResultDecoder().decode(message) else {
            StandardError.write("no result at \(message.topicPartition)/\(message.offset)\n")
            continue
          }
          let result = event.result
          if let order, result.orderID?.value != order { continue }
          if let account, result.account?.description != account { continue }
          printer.print(result, value: message.value ?? [])
        }
        return .continue
      }
    }
  }
}
