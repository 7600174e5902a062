import CancelContract
import CancelService
import Foundation
import Kafka
import Operations
import Synchronization

/// Publishes requests and waits for their results: what `cancel-worker request` does once it knows what to do.
final class RequestCampaign: Sendable {
  struct Output: Sendable {
    var waits: Bool
    var json: Bool
    /// Many requests: counts instead of a line for each.
    var isSummary: Bool
  }

  private struct State {
    var published = 0
    var answered = 0
  }

  private static let chunk = 1000
  private let requests: [CancelRequest]
  private let configuration: WorkerConfiguration
  private let options: ConfigurationOption
  private let output: Output
  private let patience: Duration
  private let state = Mutex(State())

  init(
    requests: [CancelRequest], configuration: WorkerConfiguration, options: ConfigurationOption, output: Output,
    patience: Duration
  ) {
    self.requests = requests
    self.configuration = configuration
    self.options = options
    self.output = output
    self.patience = patience
  }

  func run() async throws {
    try await withAdmin(configuration, options) { admin in
      var needed = [(key: "topics.requests", name: configuration.topicNames.requests)]
      if output.waits { needed.append(("topics.results", configuration.topicNames.results)) }
      try await needTopics(admin, needed)
      let isAttended = await warnWhenUnattended(
        admin, configuration, waits: requests.count == 1 ? "the request waits" : "the requests wait")
      // The results are listened for before the requests are out, so that none is missed.
      let tails = output.waits ? try await openTails() : nil
      try await publish()
      guard let tails else { return tellPublished() }
      let results = try await collect(from: tails)
      try Task.checkCancellation()
      let confirmations = try await confirm(results.accepted, from: tails)
      try await judge(results.outcomes, admin, wasAttended: isAttended)
      if let confirmations { try judge(confirmations) }
    }
  }

  /// What is said when a signal ends the command.
  var farewell: String {
    let (published, answered) = state.withLock { ($0.published, $0.answered) }
    if published == 0 { return "interrupted before anything was published" }
    let open = published - answered
    if open == 0 { return "interrupted; every published request has its result" }
    var text = "interrupted; "
    if published < requests.count { text += "\(requests.count - published) of \(requests.count) were not published; " }
    if requests.count == 1, let request = requests.first {
      return text
        + "the cancel of order \(request.orderID) (\(request.cancelID)) goes on: see its result with "
        + "`cancel-worker watch --from-beginning --order \(request.orderID)`"
    }
    return text + "\(counted(open, "request")) stay\(open == 1 ? "s" : "") queued and may still be carried out, from "
      + (requests.first?.cancelID ?? "") + " on: see the results with `cancel-worker watch --from-beginning`"
  }

  // MARK: - Publishing

  private func publish() async throws {
    do {
      try await withProducer(configuration, options) { producer in
        for start in stride(from: 0, to: requests.count, by: Self.chunk) {
          try Task.checkCancellation()
          let part = requests[start..<min(start + Self.chunk, requests.count)]
          let positions = try await producer.publish(part.map(record))
          state.withLock { $0.published += part.count }
          if output.json, !output.waits { tellJSON(part, positions) }
          if output.isSummary, StandardError.isTerminal {
            StandardError.write("\rpublished \(start + part.count) of \(requests.count)\u{1B}[K")
          }
        }
      }
    } catch {
      let published = state.withLock { $0.published }
      if published > 0 {
        StandardError.write("\n\(published) of \(requests.count) requests were published before the failure\n")
      }
      throw error
    }
    if output.isSummary, StandardError.isTerminal { StandardError.write("\r\u{1B}[K") }
  }

  private func record(_ request: CancelRequest) -> KafkaRecord {
    let event = RequestEncoder(.cloudEvent(source: "/cancel-worker/request")).encode(
      request, at: request.details.decidedAt ?? .distantPast)
    return KafkaRecord(
      topic: configuration.topicNames.requests, key: Array("\(request.orderID)".utf8), value: event.value,
      headers: event.headers.map { KafkaHeader(name: $0.name, value: $0.value) })
  }

  private func tellPublished() {
    if output.json { return }
    if output.isSummary {
      StandardOutput.write("requested \(counted(requests.count, "cancel"))\n")
    } else {
      for request in requests { StandardOutput.write("requested \(request.orderID) as \(request.cancelID)\n") }
    }
  }

  private struct Published: Encodable {
    var cancelId: String
    var orderId: Int64
    var topic: String
    var partition: Int32
    var offset: Int64
  }

  private func tellJSON(_ part: ArraySlice<CancelRequest>, _ positions: [KafkaRecordPosition]) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    for (request, position) in zip(part, positions) {
      let published = Published(
        cancelId: request.cancelID, orderId: request.orderID.value, topic: configuration.topicNames.requests,
        partition: position.partition, offset: position.offset)
      guard let line = try? encoder.encode(published) else { continue }
      StandardOutput.write(String(decoding: line, as: UTF8.self) + "\n")
    }
  }

  // MARK: - Waiting

  private struct Tails {
    var results: KafkaTail
    /// `nil` where there is no such topic.
    var progress: KafkaTail?
    /// `nil` where no request wants a confirmation.
    var confirmations: KafkaTail?
  }

  private func openTails() async throws -> Tails {
    let (kafka, topics, logger) = (configuration.kafkaClient, configuration.topicNames, CommandLog.logger(options))
    return Tails(
      results: try await KafkaTail.open(
        configuration: kafka, topic: topics.results, from: .end, logger: logger, timeout: .seconds(5)),
      progress: try? await KafkaTail.open(
        configuration: kafka, topic: topics.progress, from: .end, logger: logger, timeout: .seconds(5)),
      confirmations: requests.contains { $0.details.wantsConfirmation }
        ? try await KafkaTail.open(
          configuration: kafka, topic: topics.confirmations, from: .end, logger: logger, timeout: .seconds(5)) : nil)
  }

  private func collect(from tails: Tails) async throws -> AwaitedResults {
    let printer = ResultPrinter(json: output.json)
    printer.begin()
    let ids = Set(requests.map(\.cancelID))
    let view = WaitingView(ids)
    let awaited = AwaitedResults(ids, printer, view) { [self] in state.withLock { $0.answered += 1 } }
    let patience = patience
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
      defer { view.end() }
      // All results are here, or patience is at its end.
      while try await group.next() == false {}
      group.cancelAll()
    }
    return awaited
  }

  /// Waits until what was accepted is confirmed; as long again as for the results.
  ///
  /// - Returns: `nil` where no confirmation is wanted.
  private func confirm(_ accepted: Set<String>, from tails: Tails) async throws -> AwaitedConfirmations? {
    guard let tail = tails.confirmations else { return nil }
    let wanted = Set(requests.filter { $0.details.wantsConfirmation }.map(\.cancelID))
    let awaited = AwaitedConfirmations(accepted.intersection(wanted), json: output.json)
    guard awaited.missing > 0 else { return awaited }
    let patience = patience
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await tail.run { awaited.take($0) ? .stop : .continue } }
      group.addTask { try await Task.sleep(for: patience) }
      try await group.next()
      group.cancelAll()
    }
    try Task.checkCancellation()
    return awaited
  }

  private func judge(_ confirmations: AwaitedConfirmations) throws {
    if output.isSummary {
      StandardError.write("confirmations: \(confirmations.summary) missing=\(confirmations.missing)\n")
    }
    if confirmations.missing > 0 {
      throw CommandFailure(
        .unavailable,
        "\(counted(confirmations.missing, "confirmation")) did not come within \(Self.text(patience)); the worker goes on "
          + "looking: see `cancel-worker audit`")
    }
    if !confirmations.areAllCancelled { throw CommandFailure(.notAccepted, "") }
  }

  private func judge(_ outcomes: [CancelOutcome: Int], _ admin: KafkaAdmin, wasAttended: Bool?) async throws {
    let found = outcomes.values.reduce(0, +)
    let missing = requests.count - found
    if output.isSummary {
      let parts = CancelOutcome.allCases.map { "\($0.name)=\(outcomes[$0] ?? 0)" }
      StandardError.write("results: \(parts.joined(separator: " ")) missing=\(missing)\n")
    }
    if missing > 0 {
      let attended = await groupMembers(admin, configuration).map { $0 > 0 } ?? wasAttended
      let worker =
        switch attended {
        case true?: "a worker is running"
        case false?: "no worker is running in the group '\(configuration.consumer.groupID)'"
        case nil: "whether a worker is running can't be told"
        }
      throw CommandFailure(
        .unavailable,
        "\(counted(missing, "result")) did not come within \(Self.text(patience)): \(missing == 1 ? "the request stays" : "these requests stay") queued and "
          + "may still be carried out; \(worker)")
    }
    if outcomes[.accepted] != requests.count { throw CommandFailure(.notAccepted, "") }
  }

  private static func text(_ duration: Duration) -> String {
    let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    return seconds == seconds.rounded() ? "\(Int(seconds))s" : "\(Int(seconds * 1000))ms"
  }
}
