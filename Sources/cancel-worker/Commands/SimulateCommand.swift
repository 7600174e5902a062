import ArgumentParser
import EToroSimulator
import Logging
import ServiceLifecycle

/// `cancel-worker simulate`
struct SimulateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Run a stand-in for the eToro API: the cancel route, its quota, and faults on demand.",
    discussion: """
      Every order exists, but those whose number ends in 404 (unknown) and in 400 (filled already).

      EXAMPLES
        cancel-worker simulate --port 8080
        cancel-worker simulate --quota 20 --window 60s --delay 50ms --server-error-rate 0.1
      """
  )

  @OptionGroup var options: SimulatorOptions

  func run() async throws {
    let configuration = try options.configuration()
    let simulator = EToroSimulator(configuration: configuration)
    let logger = CommandLog.logger()
    StandardError.write("simulating the API at http://\(configuration.host):\(configuration.port)\n")
    let group = ServiceGroup(
      configuration: .init(
        services: [.init(service: simulator)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
  }
}
