import EToroSimulator
import Foundation
import Kafka
import Testing
import WorkerHarness

/// The commands as people run them: processes that meet signals, taken ports and brokers that are not there.
@Suite(.serialized) struct CommandProcessTests {
  private static let topics = ["requests", "results", "ledger", "dead-letters", "progress"].map { "order-cancel.\($0)" }

  private func cluster(_ topics: [String] = Self.topics) throws -> (KafkaMockCluster, [String: String]) {
    let cluster = try KafkaMockCluster(brokers: 1)
    for topic in topics { try cluster.createTopic(topic, partitions: 2) }
    return (cluster, ["KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrapServers])
  }

  // MARK: - Signals

  @Test(arguments: [SIGINT, SIGTERM])
  func aDemoEndsInOrderAtTheFirstSignal(signal: Int32) async throws {
    let demo = try RunningCommand(["demo", "--requests", "200000"])
    try await demo.wait(for: "accepted")
    demo.send(signal)
    #expect(try await demo.end(within: .seconds(20)) == 128 + signal)
    let last = demo.text.split(separator: "\n").last ?? ""
    #expect(last.hasPrefix("demo: requests=200000 results="), "\(last)")
    #expect(demo.errorText.contains("interrupted"), "\(demo.errorText)")
  }

  @Test func aSecondSignalEndsADemoAtOnce() async throws {
    let demo = try RunningCommand(["demo", "--scenario", "kill-switch"])
    try await demo.wait(for: "accepted")
    demo.send(SIGINT)
    demo.send(SIGTERM)
    let status = try await demo.end(within: .seconds(3))
    #expect(status == 130 || status == 143)
  }

  @Test(arguments: [["watch"], ["request", "5", "--wait"]])
  func aCommandThatWaitsEndsAtTheFirstSignal(arguments: [String]) async throws {
    let (cluster, environment) = try cluster()
    try await keeping(cluster) {
      let command = try RunningCommand(arguments, environment: environment)
      try await command.wait(for: "TIME")
      command.send(SIGINT)
      #expect(try await command.end(within: .seconds(10)) == 130)
    }
  }

  @Test func aSimulatorEndsAtTheFirstSignal() async throws {
    let simulator = try RunningCommand(["simulate", "--port", "0"])
    try await simulator.wait(for: "simulating the API at http://127.0.0.1:")
    simulator.send(SIGTERM)
    #expect(try await simulator.end(within: .seconds(10)) == 0)
  }

  // MARK: - Ports

  @Test func aTakenPortIsOneLineAndAStatus() async throws {
    let holder = EToroSimulator(configuration: SimulatorConfiguration())
    let port = try await holder.start()
    for arguments in [["demo", "--admin-port", "\(port)"], ["simulate", "--port", "\(port)"]] {
      let command = try RunningCommand(arguments)
      #expect(try await command.end(within: .seconds(20)) == 69, "\(arguments)")
      #expect(command.errorLines.count == 1, "\(command.errorText)")
      #expect(command.errorText.contains("\(port)"), "\(command.errorText)")
    }
    await holder.stop()
  }

  // MARK: - A broker that is not there

  /// Beyond what a process takes to start on this machine at this time.
  @Test(arguments: [["request", "5"], ["watch"], ["topics", "create"], ["topics", "describe"]])
  func aBrokerThatIsDownIsToldInOneLineWithinFiveSeconds(arguments: [String]) async throws {
    let address = "127.0.0.1:\(try WorkerHarness.freePort())"
    let version = try RunningCommand(["--version"])
    #expect(try await version.end() == 0)
    let start = version.age
    let command = try RunningCommand(arguments, environment: ["KAFKA_BOOTSTRAP_SERVERS": address])
    #expect(try await command.end(within: .seconds(20)) == 69)
    #expect(command.age - start < .seconds(5), "\(command.age), of which \(start) to start")
    #expect(command.errorLines.count == 1, "\(command.errorText)")
    #expect(command.errorText.contains("\(address) refuses connections"), "\(command.errorText)")

    let verbose = try RunningCommand(arguments + ["--verbose"], environment: ["KAFKA_BOOTSTRAP_SERVERS": address])
    #expect(try await verbose.end(within: .seconds(20)) == 69)
    #expect(verbose.errorText.contains("because: "), "\(verbose.errorText)")
  }

  // MARK: - Requests

  @Test func aMistypedTopicIsAnError() async throws {
    let (cluster, environment) = try cluster([])
    // The embedded broker makes each topic that is asked for.
    cluster.setTopicError("order-cancel.requests", .unknownTopicOrPartition)
    try await keeping(cluster) {
      let command = try RunningCommand(["request", "5", "--kill-switch"], environment: environment)
      #expect(try await command.end() == 78)
      #expect(command.text.isEmpty)
      #expect(command.errorText.contains("there is no topic 'order-cancel.requests'"), "\(command.errorText)")
    }
  }

  @Test func whatIsPublishedIsToldAsTextOrJSON() async throws {
    let (cluster, environment) = try cluster()
    try await keeping(cluster) {
      let plain = try RunningCommand(["request", "700101"], environment: environment)
      #expect(try await plain.end() == 0)
      #expect(plain.text.hasPrefix("requested 700101 as "), "\(plain.text)")
      let json = try RunningCommand(["request", "700101", "--json"], environment: environment)
      #expect(try await json.end() == 0)
      let object = try JSONSerialization.jsonObject(with: Data(json.text.utf8)) as? [String: Any]
      #expect(object?["orderId"] as? Int == 700_101)
      #expect(object?["topic"] as? String == "order-cancel.requests")
      #expect((object?["cancelId"] as? String)?.isEmpty == false)
    }
  }

  @Test func aResultThatDoesNotComeInTimeSaysThatTheRequestStays() async throws {
    let (cluster, environment) = try cluster()
    try await keeping(cluster) {
      let command = try RunningCommand(["request", "5", "--wait", "--timeout", "500ms"], environment: environment)
      #expect(try await command.end() == 69)
      #expect(command.errorText.contains("1 result did not come within 500ms"), "\(command.errorText)")
      #expect(command.errorText.contains("stays queued and may still be carried out"), "\(command.errorText)")
      // The embedded broker does not tell about groups.
      #expect(command.errorText.contains("a worker is running can't be told"), "\(command.errorText)")
    }
  }

  @Test func aWaitThatIsInterruptedNamesTheRequestThatGoesOn() async throws {
    let (cluster, environment) = try cluster()
    try await keeping(cluster) {
      let command = try RunningCommand(["request", "13902598", "--wait"], environment: environment)
      try await command.wait(for: "TIME")
      command.send(SIGINT)
      #expect(try await command.end(within: .seconds(10)) == 130)
      #expect(
        command.errorText.contains("the cancel of order 13902598 (") && command.errorText.contains("goes on"),
        "\(command.errorText)")
    }
  }

  @Test func thousandsOfOrdersComeFromStandardInput() async throws {
    let (cluster, environment) = try cluster()
    try await keeping(cluster) {
      let lines = ["order_id,account,reason"] + (1...3500).map { "\($0),desk-a,\"risk, again\"" }
      let command = try RunningCommand(
        ["request", "--file", "-", "--kill-switch"], environment: environment, input: lines.joined(separator: "\n"))
      #expect(try await command.end() == 0, "\(command.errorText)")
      #expect(command.text == "requested 3500 cancels\n")
      let admin = try KafkaAdmin(
        configuration: .init(bootstrapServers: cluster.bootstrapServers, clientID: "tests"),
        logger: .init(label: "tests"))
      let records = try await admin.watermarks(of: "order-cancel.requests").values.reduce(0) { $0 + $1.high }
      #expect(records == 3500)
      await admin.close(timeout: .seconds(5))

      let faulty = try RunningCommand(
        ["request", "--file", "-"], environment: environment, input: "1\n2\nabc\n{\"orderId\":0}\n")
      #expect(try await faulty.end() == 65)
      #expect(faulty.errorText.contains("2 lines can't be read"), "\(faulty.errorText)")
      #expect(faulty.errorText.contains("line 3: 'abc'") && faulty.errorText.contains("line 4:"), "\(faulty.errorText)")
    }
  }

  // MARK: - Against a broker

  private static let bootstrap = ProcessInfo.processInfo.environment["KAFKA_BOOTSTRAP"]

  /// Configures a command for topics that no other test uses.
  private func names(_ prefix: String) -> [String: String] {
    [
      "KAFKA_BOOTSTRAP_SERVERS": Self.bootstrap ?? "", "CONSUMER_GROUP_ID": prefix,
      "TOPICS_REQUESTS": "\(prefix).requests", "TOPICS_RESULTS": "\(prefix).results",
      "TOPICS_LEDGER": "\(prefix).ledger", "TOPICS_DEAD_LETTERS": "\(prefix).dead-letters",
      "TOPICS_PROGRESS": "\(prefix).progress",
    ]
  }

  @Test(.enabled(if: Self.bootstrap != nil, "KAFKA_BOOTSTRAP names no broker"))
  func topicsAreMadeDescribedAndHeldAgainstWhatTheWorkerNeeds() async throws {
    let prefix = "cli-\(UUID().uuidString.prefix(8).lowercased())"
    let environment = names(prefix)
    let missing = try RunningCommand(["request", "5"], environment: environment)
    #expect(try await missing.end() == 78)
    #expect(missing.errorText.contains("there is no topic '\(prefix).requests'"), "\(missing.errorText)")
    let admin = try KafkaAdmin(
      configuration: .init(bootstrapServers: Self.bootstrap ?? "", clientID: "tests"), logger: .init(label: "tests"))
    #expect(try await admin.describeTopics(["\(prefix).requests"])[0].partitions == nil, "it was not made")

    // A ledger that is neither compacted nor as wide as the requests.
    _ = try await admin.createTopics([
      KafkaTopicSpecification(name: "\(prefix).ledger", partitions: 3, replicationFactor: 1)
    ])
    let beside = try RunningCommand(
      ["topics", "create", "--partitions", "2", "--replication-factor", "1"], environment: environment)
    #expect(try await beside.end() == 78)
    #expect(beside.text.contains("exists  \(prefix).ledger") && beside.text.contains("created \(prefix).requests"))
    #expect(beside.text.components(separatedBy: "fault: ").count == 3, "\(beside.text)")
    #expect(beside.errorText.contains("2 faults in the topics"), "\(beside.errorText)")
    _ = try await admin.deleteTopics(["\(prefix).ledger", "\(prefix).progress"])

    let again = try RunningCommand(
      ["topics", "create", "--partitions", "2", "--replication-factor", "1"], environment: environment)
    #expect(try await again.end() == 0, "\(again.text) \(again.errorText)")
    _ = try await admin.deleteTopics(["\(prefix).progress"])
    let alone = try RunningCommand(["request", "5"], environment: environment)
    #expect(try await alone.end() == 0)
    #expect(alone.errorText.contains("no worker is running in the group '\(prefix)'"), "\(alone.errorText)")
    let describe = try RunningCommand(["topics", "describe"], environment: environment)
    #expect(try await describe.end() == 0, "\(describe.text) \(describe.errorText)")
    #expect(describe.text.hasPrefix("TOPIC"), "\(describe.text)")
    #expect(describe.text.contains("missing (optional: no progress events)"), "\(describe.text)")
    await admin.close(timeout: .seconds(5))
  }

  // MARK: - Command lines that mean something else

  @Test(arguments: [
    (["requests", "5"], "did you mean 'request'?"), (["request", "-5"], "'-5' is not an order's number"),
    (["request", "abc"], "'abc' is not an order's number"), (["request"], "no order is named"),
    (["simulate", "--server-error-rate", "7"], "--server-error-rate is a share of the calls, from 0 to 1"),
  ])
  func aWrongCommandLineSaysWhatIsWrong(arguments: [String], text: String) async throws {
    let command = try RunningCommand(arguments)
    #expect(try await command.end() == 64)
    #expect(command.errorText.contains(text), "\(command.errorText)")
    #expect(command.text.isEmpty)
  }

  @Test func noBrokerIsOneFault() async throws {
    let command = try RunningCommand(["watch"])
    #expect(try await command.end() == 78)
    #expect(command.errorText.components(separatedBy: "ootstrapServers").count == 2, "\(command.errorText)")
  }
}

/// Runs the body while the cluster stands.
private func keeping(_ cluster: KafkaMockCluster, _ body: () async throws -> Void) async throws {
  defer { withExtendedLifetime(cluster) {} }
  try await body()
}
