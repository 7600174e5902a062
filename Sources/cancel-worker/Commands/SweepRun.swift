import CancelContract
import CancelService
import Foundation
import Kafka
import Operations
import Synchronization

/// Publishes one request to sweep and follows it: what `cancel-worker request --all` does.
final class SweepRun: Sendable {
  struct Output: Sendable {
    var waits: Bool
    var json: Bool
  }

  private struct State {
    var isPublished = false
    var own: CancelResult?
  }

  private let request: SweepRequest
  private let configuration: WorkerConfiguration
  private let options: ConfigurationOption
  private let output: Output
  private let patience: Duration
  private let state = Mutex(State())

  init(
    _ request: SweepRequest, configuration: WorkerConfiguration, options: ConfigurationOption, output: Output,
    patience: Duration
  ) {
    self.request = request
    self.configuration = configuration
    self.options = options
    self.output = output
    self.patience = patience
  }

  /// What is said when a signal ends the command.
  var farewell: String {
    let (isPublished, own) = state.withLock { ($0.isPublished, $0.own) }
    guard isPublished else { return "interrupted before anything was published" }
    guard own == nil else { return "interrupted; the sweep has its result" }
    return "interrupted; the sweep \(request.cancelID) goes on: follow it with "
      + "`cancel-worker campaign \(request.campaignID) --follow`"
  }

  func run() async throws {
    try await withAdmin(configuration, options) { admin in
      let topics = configuration.topicNames
      try await needTopics(admin, [("topics.requests", topics.requests), ("topics.results", topics.results)])
      await warnWhenUnattended(admin, configuration, waits: "the sweep waits")
      // The results are listened for before the request is out, so that none is missed.
      let tails = output.waits ? try await openTails() : nil
      try await publish()
      guard let tails else { return tellPublished() }
      try await follow(tails)
    }
  }

  private func publish() async throws {
    let event = RequestEncoder(.cloudEvent(source: "/cancel-worker/request")).encode(
      request, at: request.details.decidedAt ?? .distantPast)
    let record = KafkaRecord(
      topic: configuration.topicNames.requests, key: event.key, value: event.value,
      headers: event.headers.map { KafkaHeader(name: $0.name, value: $0.value) })
    try await withProducer(configuration, options) { producer in
      _ = try await producer.publish([record])
      state.withLock { $0.isPublished = true }
    }
  }

  private func tellPublished() {
    let what =
      switch request.start {
      case .now: request.isDryRun ? "dry run" : "sweep"
      case .after: "dead-man's switch"
      case .off: "disarming of the switch"
      }
    guard output.json, let line = try? JSONEncoder().encode(["cancelId": request.cancelID]) else {
      return StandardOutput.write("requested \(what) \(request.cancelID)\n")
    }
    StandardOutput.write(String(decoding: line, as: UTF8.self) + "\n")
  }

  // MARK: - Following

  private struct Tails {
    var results: KafkaTail
    /// `nil` where there is no such topic.
    var campaigns: KafkaTail?
  }

  private func openTails() async throws -> Tails {
    let (kafka, topics, logger) = (configuration.kafkaClient, configuration.topicNames, CommandLog.logger(options))
    return Tails(
      results: try await KafkaTail.open(
        configuration: kafka, topic: topics.results, from: .end, logger: logger, timeout: .seconds(5)),
      campaigns: try? await KafkaTail.open(
        configuration: kafka, topic: topics.campaigns, from: .end, logger: logger, timeout: .seconds(5)))
  }

  private func follow(_ tails: Tails) async throws {
    let printer = ResultPrinter(json: output.json)
    printer.begin()
    let bar = CampaignBar(request.campaignID)
    let patience = patience
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask { [self] in
        try await tails.results.run { messages in self.take(messages, printer, bar) ? .stop : .continue }
        return true
      }
      group.addTask {
        try await Task.sleep(for: patience)
        return true
      }
      group.addTask {
        // The bar is shown where it can be.
        try? await tails.campaigns?.run { messages in
          for message in messages { bar.take(message) }
          return .continue
        }
        return false
      }
      defer { bar.end() }
      while try await group.next() == false {}
      group.cancelAll()
    }
    try Task.checkCancellation()
    try judge()
  }

  /// - Returns: whether the sweep's own result is here.
  private func take(_ messages: [KafkaMessage], _ printer: ResultPrinter, _ bar: CampaignBar) -> Bool {
    for message in messages {
      guard let result = try? ResultDecoder().decode(message).result else { continue }
      let isOwn = result.cancelID == request.cancelID && result.orderID == nil
      guard isOwn || result.echo.details.sweptBy == request.cancelID else { continue }
      bar.interrupt { printer.print(result, value: message.value ?? []) }
      if isOwn {
        state.withLock { $0.own = result }
        return true
      }
    }
    return false
  }

  private func judge() throws {
    guard let own = state.withLock({ $0.own }) else {
      throw CommandFailure(
        .unavailable,
        "the sweep's result did not come in time; it goes on: follow it with "
          + "`cancel-worker campaign \(request.campaignID) --follow`")
    }
    if !output.json, let report = own.sweep { StandardError.write(SweepLines.summary(own, report) + "\n") }
    if own.outcome != .accepted && own.outcome != .acknowledged { throw CommandFailure(.notAccepted, "") }
  }
}
