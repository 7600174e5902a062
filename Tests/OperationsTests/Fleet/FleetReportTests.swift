import CancelContract
import CancelCore
import CancelService
import Testing

@testable import Operations

@Suite struct FleetReportTests {
  private func worker(_ name: String, _ change: (inout WorkerSnapshot) -> Void = { _ in }) -> FleetMember {
    var snapshot = Sample.snapshot()
    snapshot.instance = name
    snapshot.lag = [0: 3, 1: 4]
    change(&snapshot)
    let document = StatusDocument(snapshot, totals: LiveFeed.Totals(), maxKeys: 10)
    return FleetMember(address: "\(name):9464", body: document.json)
  }

  private func report(_ workers: [FleetMember], members: Int? = 2, partitions: Int? = 4) -> FleetReport {
    FleetReport(group: "g", groupState: "Stable", members: members, partitions: partitions, workers: workers)
  }

  @Test func aFleetThatIsWellHasALineForEachWorkerAndNoFault() {
    let report = report([
      worker("w0") { $0.assignedPartitions = [0, 1] }, worker("w1") { $0.assignedPartitions = [2, 3] },
    ])
    #expect(report.faults == [])
    #expect(report.lines.count == 4)
    #expect(report.lines[0] == "group g: stable, 2 members, 4 partitions of requests")
    #expect(report.lines[2].hasPrefix("w0") && report.lines[2].contains("ready") && report.lines[2].contains("0-1"))
    #expect(report.lines[2].contains("  7  "), "the lag of all its partitions: \(report.lines[2])")
  }

  /// The broker's word of who has what counts, whoever was asked.
  @Test func theBrokerTellsOwnersAndLag() throws {
    var report = report([], members: 2)
    report.owners = [
      .init(clientID: "cancel-worker-w0", host: "/10.0.0.1", partitions: [0, 1]),
      .init(clientID: "cancel-worker-w1", host: "/10.0.0.2", partitions: [3]),
    ]
    report.lag = [0: 0, 1: 5, 2: 0, 3: 7]
    #expect(report.faults == ["nobody has partition 2 of the requests"])
    #expect(report.lines[1] == "requests without a committed answer: 12 (partition 1: 5, partition 3: 7)")
    #expect(report.lines[2] == "member cancel-worker-w0 at /10.0.0.1: partitions 0-1")
    let json = try JSONValue(Array(report.json.utf8))
    #expect(json["lag"]?.elements?.last?["requests"]?.integer == 7 && json["owners"]?.elements?.count == 2)
  }

  @Test func whatIsWrongIsSaid() throws {
    let faults = report(
      [
        worker("w0") {
          $0.assignedPartitions = [0]
          $0.version = "2.0.0"
          $0.apiOutSince = $0.takenAt
          var key = Sample.key("aaaa")
          key.breaker = .open
          $0.keys = [key]
        },
        worker("w1") {
          $0.assignedPartitions = [1, 3]
          $0.notReady = [.init("ledger", "the ledger is being read")]
        },
        FleetMember(address: "w2:1", fault: "can't be reached"),
        FleetMember(address: "w3:1", body: Array("<html>".utf8)),
      ]
    ).faults.joined(separator: "\n")
    for part in [
      "w1 is not ready: the ledger is being read", "w0: the API refuses 1 user key", "w0: the API is out",
      "w2:1: can't be reached", "w3:1: it answered with something else", "nobody has partition 2 ",
      "versions differ: 1.2.3, 2.0.0",
    ] { #expect(faults.contains(part), "\(part) in \(faults)") }
    #expect(report([], members: 0).faults.count == 1)
    #expect(report([], members: nil, partitions: nil).faults.count == 2, "what is not known is not well")
    // One worker of two was asked: the other may have the rest.
    #expect(report([worker("w0") { $0.assignedPartitions = [0] }]).faults == [])
  }

  @Test func theJSONHasEachStatusAsItCame() throws {
    let report = report([worker("w0"), FleetMember(address: "a\"b", fault: "x")], members: nil)
    let value = try JSONValue(Array(report.json.utf8))
    #expect(value["members"]?.kind == .null && value["group"]?.string == "g")
    let workers = try #require(value["workers"]?.elements)
    #expect(workers[0]["status"]?["instance"]?.string == "w0")
    #expect(workers[1]["address"]?.string == "a\"b" && workers[1]["fault"]?.string == "x")
    #expect(workers[1]["status"]?.kind == .null)
  }

  @Test(
    arguments: [
      ([], "-"), ([5], "5"), ([3, 1, 2], "1-3"), ([0, 1, 2, 3, 7], "0-3,7"), ([9, 0, 5, 6], "0,5-6,9"),
    ] as [([Int64], String)])
  func partitionsAreShownAsRanges(numbers: [Int64], text: String) {
    #expect(FleetReport.ranges(numbers) == text)
  }

  @Test(arguments: [
    ("host:9464", "host", 9464), ("http://Worker-0.ns:80/", "worker-0.ns", 80), ("[::1]:9464", "::1", 9464),
    ("127.0.0.1:1", "127.0.0.1", 1),
  ])
  func addressesAreTaken(address: String, host: String, port: Int) throws {
    let origin = try #require(FleetReader.origin(address))
    #expect(origin.host == host && origin.port == port && !origin.isEncrypted)
  }

  @Test(arguments: ["", "host", "host:", ":9464", "host:0", "host:70000", "https://host:1", "a b:1", "host/x:1"])
  func whatIsNoAddressIsNotAsked(address: String) async {
    #expect(FleetReader.origin(address) == nil)
  }

  @Test func localhostStandsBehindItsName() async throws {
    let found = try await FleetReader.addresses(behind: "localhost:9464")
    #expect(found.contains("127.0.0.1:9464") || found.contains("[::1]:9464"))
  }
}
