import ArgumentParser
import CancelContract
import Foundation
import Kafka
import Logging
import Operations

/// `cancel-worker request`
struct RequestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "request",
    abstract: "Publish cancel requests, and wait for their results if told to.",
    discussion: """
      With --wait each result is printed as it comes. Standard error shows what is waited for, and why: one line that is \
      kept up to date on a terminal, elsewhere a line for each progress event.

      EXAMPLES
        cancel-worker request 13902598 --wait
        cancel-worker request 13902598 --account desk-a --reason "fat finger"
        cancel-worker request $(cat orders.txt) --kill-switch --deadline 30s
        cancel-worker request 13902598 --wait --json | jq .outcome

      EXIT STATUS
        0   published; with --wait: every cancel was accepted
        1   --wait: a result is rejected, expired, failed or invalid
        64  the command line can't be understood
        69  the broker can't be reached; --wait: a result is not here in time
        78  the configuration is not as it must be
      """
  )

  @OptionGroup var file: ConfigurationOption

  @Argument(help: ArgumentHelp("The orders to cancel.", valueName: "order-id"))
  var orderIDs: [String]

  @Option(help: "The account that holds the orders (default: accounts.default).")
  var account: String?

  @Flag(help: "Overtake everything routine.")
  var killSwitch = false

  @Option(
    help: ArgumentHelp("No call is sent later than this from now on, such as 30s.", valueName: "duration"))
  var deadline: String?

  @Option(help: "Why, for the record.")
  var reason: String?

  @Option(help: "The campaign that these requests are part of.")
  var campaign: String?

  @Flag(help: "Wait for the results and print each as it comes.")
  var wait = false

  @Flag(help: "Print results as JSON, one a line.")
  var json = false

  @Option(help: ArgumentHelp("How long to wait for the results.", valueName: "duration"))
  var timeout = "60s"

  func run() async throws {
    let configuration = try file.load()
    let requests = try makeRequests()
    guard let patience = Duration(configured: timeout) else {
      throw ValidationError("--timeout: '\(timeout)' is not a duration such as 30s")
    }
    do {
      let results = try await publish(requests, configuration, patience)
      guard wait else { return }
      let accepted = results.filter { $0.outcome == .accepted }.count
      if results.count < requests.count {
        let missing = requests.count - results.count
        throw CommandFailure(code: .unavailable, message: "\(missing) results did not come within \(timeout)").exit
      }
      if accepted < requests.count { throw ArgumentParser.ExitCode(Operations.ExitCode.notAccepted.rawValue) }
    } catch let error where error is KafkaError || error is KafkaPublishError {
      throw CommandFailure(code: Operations.ExitCode(for: error), error).exit
    }
  }

  private func makeRequests() throws -> [CancelRequest] {
    let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
    var until: Timestamp?
    if let deadline {
      guard let duration = Duration(configured: deadline) else {
        throw ValidationError("--deadline: '\(deadline)' is not a duration such as 30s")
      }
      until = now + duration
    }
    return try orderIDs.map { text in
      guard let number = Int64(text), let orderID = OrderID(number) else {
        throw ValidationError("'\(text)' is not an order's number: a positive 64-bit integer")
      }
      return CancelRequest(
        cancelID: UUID().uuidString.lowercased(), orderID: orderID, account: account.map { AccountName($0) },
        priority: killSwitch ? .killSwitch : .routine, deadline: until,
        details: RequestDetails(reason: reason, campaignID: campaign, decidedAt: now))
    }
  }

  private func publish(
    _ requests: [CancelRequest], _ configuration: WorkerConfiguration, _ patience: Duration
  ) async throws -> [CancelResult] {
    let logger = CommandLog.logger(configuration)
    // The results are listened for before the requests are out, so that none is missed.
    let tails = wait ? try await Tails.open(configuration, logger: logger) : nil
    let producer = try KafkaProducer(configuration: configuration.kafkaClient, transactionalID: nil, logger: logger)
    let topic = configuration.topicNames.requests
    let encoder = RequestEncoder(.cloudEvent(source: "/cancel-worker/request"))
    let now = requests.first?.details.decidedAt ?? .distantPast
    let records = requests.map { request in
      let event = encoder.encode(request, at: now)
      return KafkaRecord(
        topic: topic, key: Array("\(request.orderID)".utf8), value: event.value,
        headers: event.headers.map { KafkaHeader(name: $0.name, value: $0.value) })
    }
    do {
      try await producer.publish(records)
    } catch {
      await producer.close(timeout: .seconds(5))
      throw error
    }
    await producer.close(timeout: .seconds(5))
    guard let tails else {
      for request in requests { StandardOutput.write("requested \(request.orderID) as \(request.cancelID)\n") }
      return []
    }
    return try await collect(requests, from: tails, patience)
  }

  private func collect(
    _ requests: [CancelRequest], from tails: Tails, _ patience: Duration
  ) async throws -> [CancelResult] {
    let printer = ResultPrinter(json: json)
    printer.begin()
    let view = WaitingView(Set(requests.map(\.cancelID)))
    let awaited = AwaitedResults(Set(requests.map(\.cancelID)), printer, view)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await tails.results.run { messages in awaited.take(messages) ? .stop : .continue }
        return true
      }
      group.addTask {
        try await Task.sleep(for: patience)
        return true
      }
      group.addTask {
        // Progress is told where it can be; a worker may be configured without.
        try? await tails.progress?.run { messages in
          for message in messages { if let event = try? ProgressDecoder().decode(message) { view.take(event) } }
          return .continue
        }
        return false
      }
      group.addTask {
        while !Task.isCancelled {
          view.tick()
          try? await Task.sleep(for: .seconds(1))
        }
        return false
      }
      // All results are here, or patience is at its end.
      while try await group.next() == false {}
      group.cancelAll()
    }
    view.end()
    return awaited.found
  }
}

/// What a command that waits reads.
private struct Tails {
  var results: KafkaTail
  /// `nil` where there is no such topic.
  var progress: KafkaTail?

  static func open(_ configuration: WorkerConfiguration, logger: Logger) async throws -> Tails {
    let kafka = configuration.kafkaClient
    let topics = configuration.topicNames
    return Tails(
      results: try await KafkaTail.open(configuration: kafka, topic: topics.results, from: .end, logger: logger),
      progress: try? await KafkaTail.open(
        configuration: kafka, topic: topics.progress, from: .end, logger: logger, timeout: .seconds(5)))
  }
}
