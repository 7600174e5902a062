import ArgumentParser
import CancelContract
import Foundation
import Kafka
import Operations
import Synchronization

/// `cancel-worker dead-letters`
struct DeadLettersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead-letters",
    abstract: "List, show and send again messages that could not be read as requests.",
    subcommands: [List.self, Show.self, Replay.self], defaultSubcommand: List.self)

  /// `cancel-worker dead-letters list`
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List dead letters: where each stands, where it came from, and why.")

    @OptionGroup var options: ConfigurationOption

    @Option(help: ArgumentHelp("From when on: a time, or how long ago, such as 24h.", valueName: "time"))
    var since: String?

    func run() async throws {
      let since = try TopicHistory.time(since, "dead-letters")
      let count = Atomic(0)
      try await DeadLetters.read(options, since: since) { letter in
        StandardOutput.write("\(letter.place)  from \(letter.origin)  \(letter.problem): \(letter.detail)\n")
        count.add(1, ordering: .relaxed)
      }
      StandardError.write(counted(count.load(ordering: .relaxed), "dead letter") + "\n")
    }
  }

  /// `cancel-worker dead-letters show`
  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show one dead letter whole.")

    @OptionGroup var options: ConfigurationOption

    @Argument(help: "Where it stands, as list shows it: partition/offset.")
    var place: String

    func run() async throws {
      guard let letter = try await DeadLetters.find(options, since: nil, { $0.place == place }).first else {
        throw CommandFailure(.notAccepted, "dead-letters: there is none at \(place)")
      }
      StandardOutput.write("from     \(letter.origin)\nproblem  \(letter.problem): \(letter.detail)\n")
      if let left = letter.leftOutBytes {
        StandardOutput.write("left out \(left) bytes: read the message where it stands\n")
      }
      if let key = letter.record.key { StandardOutput.write("key      \(DeadLetters.shown(key))\n") }
      for header in letter.record.headers {
        StandardOutput.write("header   \(header.name): \(header.value.map(DeadLetters.shown) ?? "(null)")\n")
      }
      StandardOutput.write((letter.record.value.map(DeadLetters.shown) ?? "(null)") + "\n")
    }
  }

  /// `cancel-worker dead-letters replay`
  struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Send dead letters again as they were, for when the fault was the worker's configuration.",
      discussion: "Key, value and headers are sent byte for byte. The worker answers each as a new message.")

    @OptionGroup var options: ConfigurationOption

    @Argument(help: "Which, as list shows them: partition/offset …")
    var places: [String] = []

    @Flag(help: "All of them.")
    var all = false

    @Option(help: ArgumentHelp("With --all: from when on.", valueName: "time"))
    var since: String?

    @Flag(help: "Count, and send nothing.")
    var dryRun = false

    func validate() throws {
      if all == !places.isEmpty { throw ValidationError("Give the letters' places, or --all.") }
    }

    func run() async throws {
      let since = try TopicHistory.time(since, "dead-letters")
      let wanted = Set(places)
      let chosen = try await DeadLetters.find(options, since: since) { wanted.isEmpty || wanted.contains($0.place) }
      if let unknown = places.first(where: { place in !chosen.contains { $0.place == place } }) {
        throw CommandFailure(.notAccepted, "dead-letters: there is none at \(unknown); nothing was sent")
      }
      let whole = chosen.filter { $0.leftOutBytes == nil }
      if whole.count < chosen.count {
        StandardError.write(
          "\(counted(chosen.count - whole.count, "letter")) too large to be kept whole: read the messages where they stand\n"
        )
      }
      guard !whole.isEmpty else { throw CommandFailure(.notAccepted, "nothing is to be sent again") }
      if !dryRun { try await DeadLetters.send(whole, options) }
      StandardOutput.write("\(dryRun ? "would send" : "sent") \(counted(whole.count, "message")) again\n")
    }
  }
}

/// Reads dead letters, and sends them again.
private enum DeadLetters {
  /// More than so many are not kept at once.
  private static let most = 100_000

  /// The letters for which `isWanted` holds.
  ///
  /// - Throws: `CommandFailure` where they are more than can be kept.
  static func find(
    _ options: ConfigurationOption, since: Timestamp?, _ isWanted: @escaping @Sendable (ReturnedLetter) -> Bool
  ) async throws -> [ReturnedLetter] {
    let letters = Mutex<[ReturnedLetter]>([])
    try await read(options, since: since) { letter in
      guard isWanted(letter) else { return }
      try letters.withLock { letters in
        guard letters.count < most else {
          throw CommandFailure(
            .usage, "dead-letters: there are more than \(most); give a later --since, or places; nothing was sent")
        }
        letters.append(letter)
      }
    }
    return letters.withLock { $0 }
  }

  /// Tells every letter since a time, as it is read.
  static func read(
    _ options: ConfigurationOption, since: Timestamp?, _ take: @escaping @Sendable (ReturnedLetter) throws -> Void
  ) async throws {
    let configuration = try options.load()
    try await untilInterrupted {
      try await withBroker(configuration, options) {
        let history = TopicHistory(configuration: configuration, options: options, since: since)
        try await history.read(configuration.topicNames.deadLetters) { messages in
          for message in messages {
            try take(
              ReturnedLetter(
                place: "\(message.partition)/\(message.offset)", key: message.key, value: message.value,
                headers: message.headers.map { RecordHeader(name: $0.name, value: $0.value) }))
          }
        }
      }
    }
  }

  static func send(_ letters: [ReturnedLetter], _ options: ConfigurationOption) async throws {
    let configuration = try options.load()
    try await withBroker(configuration, options) {
      try await withProducer(configuration, options) { producer in
        try await producer.publish(
          letters.map { letter in
            KafkaRecord(
              topic: configuration.topicNames.requests, key: letter.record.key, value: letter.record.value,
              headers: letter.record.headers.map { KafkaHeader(name: $0.name, value: $0.value) })
          })
      }
    }
  }

  /// Bytes as text where they are that, else in base64; control characters can't move a terminal's cursor.
  static func shown(_ bytes: [UInt8]) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      return "base64:" + Data(bytes).base64EncodedString()
    }
    return String(
      text.unicodeScalars.map { $0.value < 0x20 && $0 != "\n" || $0.value == 0x7F ? "\u{FFFD}" : Character($0) })
  }
}
