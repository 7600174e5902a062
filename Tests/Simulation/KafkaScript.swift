/// What producers do on one partition, and what a Kafka must show of it: played on the model and on a real broker, it holds
/// the one against the other.
public struct KafkaScript: Sendable, CustomStringConvertible {
  /// One step; the names are producers'. All of them have the same transactional id.
  public enum Step: Sendable {
    /// A producer comes: the one before it is fenced, and what that left open is aborted.
    case start(String)
    /// Opens a transaction, which moves the group's position where one is given.
    case begin(String, position: Int64? = nil)
    /// Writes records with these keys.
    case write(String, [String])
    /// Commits; whether that succeeds.
    case commit(String, succeeds: Bool = true)
    /// Gives the transaction up.
    case abort(String)
    /// A fresh `read_committed` reader sees the records with these keys, up to the first that may still change.
    case shows([String])
    /// The log's end, control records counted.
    case ends(at: Int64)
    /// The group's position, as its next member is told; `nil` where there is none.
    case position(Int64?)
  }

  /// What it shows, in a sentence.
  public let name: String
  /// Whether only a full Kafka shows it: the small broker of the tests gives a partition to no member any more once a
  /// transaction with its position was aborted by a successor, or held nothing but the position.
  public let needsFullKafka: Bool
  /// What happens, in order.
  public let steps: [Step]

  init(name: String, needsFullKafka: Bool = false, steps: [Step]) {
    self.name = name
    self.needsFullKafka = needsFullKafka
    self.steps = steps
  }

  /// Its name.
  public var description: String { name }

  /// All scripts.
  public static let all: [KafkaScript] = [
    KafkaScript(
      name: "a committed transaction shows as a whole, and its marker takes an offset",
      steps: [
        .start("a"), .begin("a", position: 3), .write("a", ["1", "2"]), .shows([]), .commit("a"), .shows(["1", "2"]),
        .ends(at: 3), .position(3),
      ]),
    KafkaScript(
      name: "an aborted transaction shows nothing, moves no position, and its marker takes an offset too",
      steps: [
        .start("a"), .begin("a", position: 3), .write("a", ["1"]), .commit("a"), .begin("a", position: 5),
        .write("a", ["2", "3"]), .abort("a"), .shows(["1"]), .ends(at: 5), .position(3),
      ]),
    KafkaScript(
      name: "what stands behind an open transaction is not shown",
      steps: [
        .start("a"), .begin("a"), .write("a", ["1"]), .commit("a"), .begin("a"), .write("a", ["2"]), .shows(["1"]),
        .commit("a"), .shows(["1", "2"]), .ends(at: 4), .position(nil),
      ]),
    KafkaScript(
      name: "a successor fences its predecessor and aborts what it left open", needsFullKafka: true,
      steps: [
        .start("a"), .begin("a", position: 7), .write("a", ["1"]), .start("b"), .shows([]), .begin("b", position: 9),
        .write("b", ["2"]), .commit("b"), .commit("a", succeeds: false), .shows(["2"]), .position(9),
      ]),
    KafkaScript(
      name: "a transaction that holds a position alone moves it", needsFullKafka: true,
      steps: [.start("a"), .begin("a", position: 4), .commit("a"), .ends(at: 0), .position(4)]),
    KafkaScript(
      name: "a crashed producer's open transaction ends with its successor", needsFullKafka: true,
      steps: [
        .start("a"), .begin("a", position: 2), .write("a", ["1"]), .commit("a"), .begin("a", position: 8),
        .write("a", ["2"]), .start("b"), .shows(["1"]), .position(2), .begin("b", position: 8), .write("b", ["2"]),
        .commit("b"), .shows(["1", "2"]), .position(8),
      ]),
  ]
}

/// Plays scripts on the model.
public struct KafkaScriptModel {
  private var kafka = KafkaModel(partitions: 1)
  private let log = KafkaModel.Log(topic: .ledger, partition: 0)
  private var epochs: [String: Int] = [:]
  private var transactions: [String: Int] = [:]

  /// A Kafka without a record.
  public init() {}

  /// Performs a step.
  ///
  /// - Returns: what the model shows instead of what the step says; `nil` where it shows that.
  public mutating func perform(_ step: KafkaScript.Step) -> String? {
    switch step {
    case .start(let name): epochs[name] = kafka.initTransactions("p")
    case .begin(let name, let position):
      let transaction = kafka.begin("p", epochs[name] ?? -1, at: World.beginning)
      transactions[name] = transaction
      if let position { kafka.addOffsets([0: position], to: transaction) }
    case .write(let name, let keys):
      for key in keys { kafka.append(Array(key.utf8), [], to: log, in: transactions[name]) }
    case .commit(let name, let succeeds):
      guard let transaction = transactions[name] else { return "no transaction is open" }
      let isCommitted = kafka.decide(transaction, commit: true)
      writeMarkers()
      return isCommitted == succeeds ? nil : "committed: \(isCommitted)"
    case .abort(let name):
      if let transaction = transactions[name] { _ = kafka.decide(transaction, commit: false) }
      writeMarkers()
    case .shows(let keys):
      let seen = kafka.committedRecords(of: log, from: 0, to: kafka.stableOffset(of: log))
        .map { String(decoding: $0.key, as: UTF8.self) }
      return seen == keys ? nil : "\(seen)"
    case .ends(let offset): return kafka.end(of: log) == offset ? nil : "\(kafka.end(of: log))"
    case .position(let offset): return kafka.committed[0] == offset ? nil : "\(kafka.committed[0] as Int64?)"
    }
    return nil
  }

  private mutating func writeMarkers() {
    for transaction in kafka.unmarked { while kafka.writeMarker(of: transaction) {} }
  }
}
