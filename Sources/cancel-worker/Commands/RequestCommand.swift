import ArgumentParser
import CancelContract
import CancelService
import Foundation
import Kafka

/// `cancel-worker request`
struct RequestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "request",
    abstract: "Publish cancel requests, and wait for their results if told to.",
    discussion: """
      With --wait each result is printed as it comes; the exit status is 0 if every order's cancel was accepted.

      EXAMPLES
        cancel-worker request 13902598 --wait
        cancel-worker request 13902598 13902599 --account desk-a --kill-switch --deadline 30s --reason "limit breached"
      """
  )

  @OptionGroup var file: ConfigurationOption

  @Argument(help: "The orders to cancel.")
  var orderIDs: [String]

  @Option(help: "The account that holds the orders (default: accounts.default).")
  var account: String?

  @Flag(help: "Overtake everything routine.")
  var killSwitch = false

  @Option(help: "No call is sent later than this from now on, such as 30s.")
  var deadline: String?

  @Option(help: "Why, for the record.")
  var reason: String?

  @Option(help: "The campaign that these requests are part of.")
  var campaign: String?

  @Flag(help: "Wait for the results and print each as it comes.")
  var wait = false

  @Flag(help: "Print results as JSON, one a line.")
  var json = false

  @Option(help: "How long to wait for the results.")
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
      if accepted < requests.count { throw ArgumentParser.ExitCode(CancelService.ExitCode.notAccepted.rawValue) }
    } catch let error as KafkaError {
      throw CommandFailure(code: CancelService.ExitCode(for: error), error).exit
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
        priority: killSwitch ? .killSwitch : .routine, reason: reason, campaignID: campaign, decidedAt: now,
        deadline: until)
    }
  }

  private func publish(
    _ requests: [CancelRequest], _ configuration: WorkerConfiguration, _ patience: Duration
  ) async throws -> [CancelResult] {
    let logger = CommandLog.logger(configuration)
    // The results are listened for before the requests are out, so that none is missed.
    let tail =
      wait
      ? try await KafkaTail.open(
        configuration: configuration.kafkaClient, topic: configuration.topicNames.results, from: .end, logger: logger)
      : nil
    let producer = try KafkaProducer(configuration: configuration.kafkaClient, transactionalID: nil, logger: logger)
    let topic = configuration.topicNames.requests
    let encoder = RequestEncoder(.cloudEvent(source: "/cancel-worker/request"))
    let now = requests.first?.decidedAt ?? .distantPast
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
    guard let tail else {
      for request in requests { StandardOutput.write("requested \(request.orderID) as \(request.cancelID)\n") }
      return []
    }
    return try await collect(requests, from: tail, patience)
  }

  private func collect(
    _ requests: [CancelRequest], from tail: KafkaTail, _ patience: Duration
  ) async throws -> [CancelResult] {
    let printer = ResultPrinter(json: json)
    printer.begin()
    let awaited = AwaitedResults(Set(requests.map(\.cancelID)), printer)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await tail.run { messages in awaited.take(messages) ? .stop : .continue }
      }
      group.addTask {
        try await Task.sleep(for: patience)
      }
      // The first to end decides: all results are here, or patience is.
      try await group.next()
      group.cancelAll()
    }
    return awaited.found
  }
}
