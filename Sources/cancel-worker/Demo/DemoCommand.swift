import ArgumentParser
import Foundation
import Operations

/// `cancel-worker demo`
struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Run everything in one process: an embedded broker, a simulated API, the real worker, a load.",
    discussion: """
      The last line counts what happened; the exit status is 0 only if no result is missing and none is repeated. SIGINT \
      or SIGTERM ends the demo in order, with the status 130 or 143; a second one ends it at once.

      EXAMPLES
        cancel-worker demo
        cancel-worker demo --requests 5000 --duplicates 0.5 --faults --seed 7
        cancel-worker demo --scenario kill-switch --admin-port 9464
        cancel-worker demo --scenario sweep
        cancel-worker demo --scenario sweep --broker 127.0.0.1:9092

      With an admin port its live page is at http://127.0.0.1:9464/ meanwhile.
      """
  )

  /// What is shown.
  enum Scenario: String, ExpressibleByArgument, CaseIterable {
    /// A mixed load: duplicates, bad messages, refusals.
    case mixed
    /// A routine backlog over 40 accounts, then a kill-switch under a tight quota.
    case killSwitch = "kill-switch"
    /// Five accounts with pending orders, swept by one request while more orders appear; on a broker of its own the
    /// worker is killed in the middle.
    case sweep
  }

  @Option(help: "What is shown: mixed, kill-switch or sweep.")
  var scenario = Scenario.mixed

  @Option(help: "How many requests are sent (mixed).")
  var requests = 500

  @Option(help: "The share of requests that are for an order that was requested before (mixed).")
  var duplicates = 0.3

  @Flag(help: "The API fails now and then: 500s, 503s, lost answers, slow ones.")
  var faults = false

  @Option(help: "Where the random load starts; the same seed gives the same load.")
  var seed: UInt64 = 1

  @Option(help: ArgumentHelp("The port of the admin server while the demo runs; none by default.", valueName: "port"))
  var adminPort: Int?

  @Option(
    help: ArgumentHelp(
      "A Kafka broker instead of the embedded one (sweep): the worker is a process, which is killed in the middle.",
      valueName: "host:port"))
  var broker: String?

  func validate() throws {
    if broker != nil, scenario != .sweep { throw ValidationError("--broker is for --scenario sweep.") }
    guard (1...10_000_000).contains(requests) else { throw ValidationError("--requests must be 1 to 10000000.") }
    guard (0...0.95).contains(duplicates) else { throw ValidationError("--duplicates must be 0 to 0.95.") }
    if let adminPort, !(0...65_535).contains(adminPort) { throw ValidationError("--admin-port must be 0 to 65535.") }
  }

  func run() async throws {
    let (scenario, requests, duplicates, faults, seed, adminPort, broker) =
      (scenario, requests, duplicates, faults, seed, adminPort, broker)
    let passed: Bool
    do {
      passed = try await interruptible(drain: .seconds(15)) {
        switch scenario {
        case .mixed:
          try await MixedDemo(
            requests: requests, duplicates: duplicates, hasFaults: faults, seed: seed, adminPort: adminPort
          ).run()
        case .killSwitch:
          try await KillSwitchDemo(seed: seed, adminPort: adminPort).run()
        case .sweep:
          try await SweepDemo(seed: seed, adminPort: adminPort, broker: broker).run()
        }
      }
    } catch let error as Interrupted {
      throw CommandFailure(status: error.status, "demo: interrupted before every request had its result")
    } catch let error as CommandFailure {
      throw error
    } catch {
      throw CommandFailure(Operations.ExitCode(for: error), "demo: \(error)")
    }
    if !passed { throw CommandFailure(.verdict, "") }
  }
}
