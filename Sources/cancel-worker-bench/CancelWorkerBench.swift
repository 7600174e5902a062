import ArgumentParser
import AsyncHTTPCancelClient
import CancelAPI
import CancelContract
import Foundation
import Logging
import NIOCore
import NIOPosix

@main
struct CancelWorkerBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel-worker-bench",
    abstract:
      "Measures the worker as a process of its own against a lean stand-in for the API, with the floors beside it.",
    subcommands: [MeasureCommand.self, HTTPClientCommand.self, OwnPathCommand.self],
    defaultSubcommand: MeasureCommand.self
  )
}

struct MeasureCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "measure",
    abstract: "Prints a table of figures, each with its floor from the same turn.",
    discussion: """
      Needs a broker at KAFKA_BOOTSTRAP. Parts: floors, throughput, latency, backlog, allocations, idle, restore, \
      kill-switch, partitions, accounts, ledgers, ten-million; the last one only where it is named.

      Values are the middle of all turns. A ratio is taken within a turn; its least and its greatest stand behind it.
      """
  )

  @Option(help: "The worker's binary; the one beside this by default.")
  var worker: String?

  @Option(help: "Another build of the worker, measured in the same turns and compared with.")
  var beside: String?

  @Option(help: "A file that an earlier run has written with --json, to compare with.")
  var against: String?

  @Option(help: "How often everything is measured.")
  var turns = 3

  @Option(help: "Only these parts, separated by commas.")
  var only: String?

  @Flag(help: "A tenth of the load: for a first look.")
  var quick = false

  @Option(help: "Where to write the figures for a later --against.")
  var json: String?

  func validate() throws {
    if turns < 1 { throw ValidationError("--turns \(turns) measures nothing; give 1 or more.") }
    if beside != nil, against != nil {
      throw ValidationError("Give either --beside or --against: the table has one column to compare with.")
    }
  }

  func run() async throws {
    guard let bootstrap = ProcessInfo.processInfo.environment["KAFKA_BOOTSTRAP"] else {
      throw ValidationError("KAFKA_BOOTSTRAP names no broker, such as localhost:9092; Deploy/bench.sh starts one.")
    }
    let parts = try chosenParts()
    let earlier = try against.map { try Report.figures(of: URL(fileURLWithPath: $0)) }
    let own = URL(fileURLWithPath: CommandLine.arguments[0])
    func bench(_ worker: URL) -> Bench {
      Bench(bootstrap: bootstrap, ownBinary: own, worker: worker, scale: quick ? 10 : 1)
    }
    let subject = bench(
      worker.map { URL(fileURLWithPath: $0) }
        ?? own.deletingLastPathComponent().appendingPathComponent("cancel-worker"))
    let other = beside.map { bench(URL(fileURLWithPath: $0)) }
    var report = Report()
    var otherReport = Report()
    for turn in 1...turns {
      for part in BenchPart.allCases where parts.contains(part) {
        FileHandle.standardError.write(Data("turn \(turn) of \(turns): \(part.rawValue) …\n".utf8))
        guard part != .floors else {
          var floors = Report()
          try await subject.measure(part, into: &floors)
          report.add(floors)
          if other != nil { otherReport.add(floors) }
          continue
        }
        try await subject.measure(part, into: &report)
        if let other { try await other.measure(part, into: &otherReport) }
      }
    }
    print(report.table(comparedWith: other == nil ? earlier : otherReport.figures))
    if let json { try report.write(to: URL(fileURLWithPath: json)) }
  }

  private func chosenParts() throws -> Set<BenchPart> {
    guard let only else { return Set(BenchPart.allCases).subtracting([.tenMillion]) }
    return Set(
      try only.split(separator: ",").map { name in
        guard let part = BenchPart(rawValue: String(name)) else {
          throw ValidationError(
            "There is no part `\(name)`; choose from \(BenchPart.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return part
      })
  }
}

/// The HTTP client alone, in a process of its own so that its processor time is its own.
struct HTTPClientCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "http-client", abstract: "Calls the address with one of the clients; prints calls, seconds, CPU.",
    shouldDisplay: false)

  @Option var url: String
  @Option var calls: Int
  @Option var inFlight: Int
  @Flag(help: "async-http-client instead of the lean client.") var asyncHTTPClient = false

  func run() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    var configuration = CancelClientConfiguration()
    configuration.baseURL = url
    configuration.connections = inFlight
    let logger = Logger(label: "http-client") { _ in SwiftLogNoOpLogHandler() }
    let client: any CancelClient =
      asyncHTTPClient
      ? try HTTPCancelClient(configuration: configuration, on: group.next(), logger: logger)
      : try EToroCancelClient(configuration: configuration, on: group.next(), logger: logger)
    let account = try Account(
      name: "a0", environment: .demo, credential: .keyPair(apiKey: Secret("key"), userKey: Secret("user")))
    let loop = CallLoop(client: client, account: account, calls: calls, loop: group.next())
    try await loop.run(inFlight: min(inFlight, calls))
    let cpu = processorSeconds()
    let start = monotonicNanoseconds()
    try await loop.run(inFlight: min(inFlight, calls))
    let seconds = Double(monotonicNanoseconds() - start) / 1e9
    print(
      String(
        decoding: try JSONEncoder().encode(
          HTTPClientFigures(calls: calls, seconds: seconds, processorSeconds: processorSeconds() - cpu)), as: UTF8.self)
    )
    await client.shutdown()
    try await group.shutdownGracefully()
  }

  private func processorSeconds() -> Double {
    var usage = rusage()
    getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
  }
}

struct HTTPClientFigures: Codable {
  var calls: Int
  var seconds: Double
  var processorSeconds: Double

  var perSecond: Double { Double(calls) / seconds }
  var processorMicroseconds: Double { processorSeconds * 1e6 / Double(calls) }
}

/// Keeps calls in flight on the client's own loop: each answer sends the next.
private final class CallLoop: Sendable {
  private let client: any CancelClient
  private let account: Account
  private let calls: Int
  private let loop: any EventLoop

  init(client: any CancelClient, account: Account, calls: Int, loop: any EventLoop) {
    self.client = client
    self.account = account
    self.calls = calls
    self.loop = loop
  }

  func run(inFlight: Int) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for lane in 0..<inFlight {
        let promise = loop.makePromise(of: Void.self)
        loop.execute { self.next(lane, step: inFlight, promise) }
        group.addTask { try await promise.futureResult.get() }
      }
      try await group.waitForAll()
    }
  }

  private func next(_ number: Int, step: Int, _ done: EventLoopPromise<Void>) {
    guard number < calls, let order = OrderID(Int64(number + 1)) else { return done.succeed() }
    client.cancel(CancelCall(orderID: order, account: account)) { answer in
      self.next(number + step, step: step, done)
    }
  }
}
