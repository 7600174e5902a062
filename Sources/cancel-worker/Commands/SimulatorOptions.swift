import ArgumentParser
import EToroSimulator

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

  @Option(help: "The share of calls answered 503.")
  var unavailableRate = 0.0

  @Option(help: "The share of calls that cancel the order and lose their answer.")
  var lostAnswerRate = 0.0

  @Option(help: "The share of calls that are never answered.")
  var hangRate = 0.0

  @Option(help: "Where the random faults start.")
  var seed: UInt64 = 1

  func configuration() throws -> SimulatorConfiguration {
    var configuration = SimulatorConfiguration()
    configuration.host = host
    configuration.port = port
    configuration.quota = quota
    configuration.window = try duration(window, "--window")
    guard let headers = SimulatorConfiguration.QuotaHeaders(rawValue: quotaHeaders) else {
      throw ValidationError("--quota-headers: '\(quotaHeaders)' is not 'prefixed', 'plain' or 'none'")
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
      throw ValidationError("\(option): '\(text)' is not a duration such as 500ms, 30s or 10m")
    }
    return duration
  }
}
