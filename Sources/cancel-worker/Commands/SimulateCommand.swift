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
      """
  )

  @OptionGroup var options: SimulatorOptions

  func run() async throws {
    let configuration = try options.configuration()
    let simulator = EToroSimulator(configuration: configuration)
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
    StandardError.write("simulating the API at http://\(configuration.host):\(port)\n")
    do {
      try await interruptible {
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
    return configuration
  }

  private func duration(_ text: String, _ option: String) throws -> Duration {
    guard let duration = Duration(configured: text) else {
      throw ValidationError("\(option): '\(text)' is not a duration such as 500ms, 30s or 10m.")
    }
    return duration
  }
}
