import ArgumentParser
import CancelService
import EToroSimulator
import Foundation
import Kafka
import NIOCore
import Operations

/// `cancel-worker simulate`
struct SimulateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Run a stand-in for the eToro API: the cancel route, its quota, and faults on demand.",
    discussion: """
      Every order exists, but those whose number ends in 404 (unknown) and in 400 (filled already). SIGINT or SIGTERM \
      ends it, with the exit status 0; where the port is taken the status is 69.

      EXAMPLES
        cancel-worker simulate --port 8080
        cancel-worker simulate --quota 20 --window 60s --delay 50ms --server-error-rate 0.1
        cancel-worker simulate --pending my-user-key=50 --list-lag 2s --closing-orders 3
      """
  )

  @OptionGroup var options: SimulatorOptions

  func run() async throws {
    let configuration = try options.configuration()
    let simulator = EToroSimulator(configuration: configuration)
    var first: Int64 = 1_000_001
    for (key, environment, count) in try options.pending() {
      simulator.state.addOrders(first..<first + Int64(count), to: key, environment: environment)
      first += Int64(count)
    }
    let port: Int
    do {
      port = try await simulator.start()
    } catch {
      let address = "\(configuration.host):\(configuration.port)"
      if let error = error as? IOError, error.errnoCode == EADDRINUSE {
        throw CommandFailure(.unavailable, "simulate: \(address) is taken by another process; give another --port")
      }
      throw CommandFailure(.unavailable, "simulate: can't listen on \(address)", cause: "\(error)")
    }
    do {
      try await interruptible {
        // Said once a signal finds the trap: whoever reads it may send one at once.
        StandardError.write("simulating the API at http://\(configuration.host):\(port)\n")
        await Completion().wait()
        await simulator.stop()
      }
    } catch is Interrupted {}
  }
}

/// The options of a simulated API.
struct SimulatorOptions: ParsableArguments {
  @Option(help: "The address to listen on.")
  var host = "127.0.0.1"

  @Option(help: "The port to listen on; 0 for any free one.")
  var port = 8080

  @Option(help: "Calls allowed in a rolling window per user key; 0 for no quota.")
  var quota = 20

  @Option(help: "The rolling window, such as 60s.")
  var window = "60s"

  @Option(help: "How the quota is told in headers: prefixed (X-RateLimit-*), plain (RateLimit-*) or none.")
  var quotaHeaders = "prefixed"

  @Option(name: .customLong("reject-user-key"), help: "A user key or token that is refused with 401; repeatable.")
  var refusedKeys: [String] = []

  @Option(name: .customLong("forbid-user-key"), help: "A user key or token that is refused with 403; repeatable.")
  var forbiddenKeys: [String] = []

  @Flag(help: "Acceptances carry no token.")
  var withoutToken = false

  @Option(help: "What every answer takes, such as 20ms.")
  var delay = "0ms"

  @Option(help: "What an answer takes at most beyond the delay.")
  var jitter = "0ms"

  @Option(help: "The share of calls answered 500, from 0 to 1.")
  var serverErrorRate = 0.0

  @Option(help: "The share of calls answered 503, from 0 to 1.")
  var unavailableRate = 0.0

  @Option(help: "The share of calls that cancel the order and lose their answer, from 0 to 1.")
  var lostAnswerRate = 0.0

  @Option(help: "The share of calls that are never answered, from 0 to 1.")
  var hangRate = 0.0

  @Option(
    name: .customLong("pending"),
    help: "Orders that are pending, for sweeps, as USER_KEY=COUNT or USER_KEY=COUNT:real; repeatable.")
  var pendingOrders: [String] = []

  @Option(help: "For how long a list still holds an order that is cancelled, such as 2s.")
  var listLag = "0ms"

  @Option(help: "The share of pending orders that are executed between two lists, from 0 to 1.")
  var fillRate = 0.0

  @Option(help: "Closing orders in every portfolio, which can't be cancelled.")
  var closingOrders = 0

  @Option(help: "Orders of a copied portfolio in every portfolio, which can't be cancelled.")
  var copiedOrders = 0

  @Option(help: "Lists, and lookups, allowed in a rolling 60 s per user key; 0 for no quota.")
  var readQuota = 60

  @Option(help: "Where the random faults start.")
  var seed: UInt64 = 1

  func validate() throws {
    let rates = [
      ("--server-error-rate", serverErrorRate), ("--unavailable-rate", unavailableRate),
      ("--lost-answer-rate", lostAnswerRate), ("--hang-rate", hangRate),
    ]
    for (option, rate) in rates where !(0...1).contains(rate) {
      throw ValidationError("\(option) is a share of the calls, from 0 to 1; it is \(rate).")
    }
    guard (0...1).contains(fillRate) else {
      throw ValidationError("--fill-rate is a share of the orders, from 0 to 1; it is \(fillRate).")
    }
    for (option, count) in [
      ("--closing-orders", closingOrders), ("--copied-orders", copiedOrders), ("--read-quota", readQuota),
    ] where count < 0 {
      throw ValidationError("\(option) is 0 or more; it is \(count).")
    }
    _ = try pending()
    let sum = rates.map(\.1).reduce(0, +)
    guard sum <= 1 else { throw ValidationError("The rates of faults are more than 1 together: \(sum).") }
    guard (0...65_535).contains(port) else { throw ValidationError("--port is 0 to 65535; it is \(port).") }
    guard quota >= 0 else { throw ValidationError("--quota is 0 or more; it is \(quota).") }
    _ = try configuration()
  }

  func configuration() throws -> SimulatorConfiguration {
    var configuration = SimulatorConfiguration()
    configuration.host = host
    configuration.port = port
    configuration.quota = quota
    configuration.window = try duration(window, "--window")
    guard let headers = SimulatorConfiguration.QuotaHeaders(rawValue: quotaHeaders) else {
      throw ValidationError("--quota-headers: '\(quotaHeaders)' is not 'prefixed', 'plain' or 'none'.")
    }
    configuration.quotaHeaders = headers
    configuration.refusedKeys = Set(refusedKeys)
    configuration.forbiddenKeys = Set(forbiddenKeys)
    configuration.givesToken = !withoutToken
    configuration.faults.delay = try duration(delay, "--delay")
    configuration.faults.jitter = try duration(jitter, "--jitter")
    configuration.faults.serverErrorRate = serverErrorRate
    configuration.faults.unavailableRate = unavailableRate
    configuration.faults.lostAnswerRate = lostAnswerRate
    configuration.faults.hangRate = hangRate
    configuration.seed = seed
    configuration.listLag = try duration(listLag, "--list-lag")
    configuration.fillRate = fillRate
    configuration.closingOrders = closingOrders
    configuration.copiedOrders = copiedOrders
    configuration.readQuota = readQuota
    return configuration
  }

  /// The orders that are pending at the start: for each key and environment, how many.
  func pending() throws -> [(key: String, environment: String, count: Int)] {
    try pendingOrders.map { text in
      let wrong = ValidationError(
        "--pending: '\(text)' is not USER_KEY=COUNT or USER_KEY=COUNT:real, COUNT up to 100000.")
      guard let sign = text.lastIndex(of: "="), sign > text.startIndex else { throw wrong }
      let parts = text[text.index(after: sign)...].split(separator: ":", omittingEmptySubsequences: false)
      guard let count = parts.first.flatMap({ Int($0) }), (0...100_000).contains(count), parts.count <= 2,
        parts.count == 1 || ["demo", "real"].contains(parts[1])
      else { throw wrong }
      return (String(text[..<sign]), parts.count == 2 ? String(parts[1]) : "demo", count)
    }
  }

  private func duration(_ text: String, _ option: String) throws -> Duration {
    guard let duration = Duration(configured: text) else {
      throw ValidationError("\(option): '\(text)' is not a duration such as 500ms, 30s or 10m.")
    }
    return duration
  }
}
