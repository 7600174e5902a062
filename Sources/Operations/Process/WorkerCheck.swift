import CancelAPI
import CancelService
import Kafka
import Logging
import NIOCore
import NIOPosix

/// Finds out whether a worker with this configuration could do its job, without cancelling anything.
public struct WorkerCheck {
  /// What was found.
  public struct Report: Sendable {
    /// A line for each thing that was looked at.
    public var lines: [String] = []
    /// The exit status that the gravest fault asks for; `nil` where there is none.
    public var exitCode: ExitCode?

    mutating func ok(_ what: String, _ details: String) {
      lines.append("ok     \(what): \(details)")
    }

    mutating func warning(_ what: String, _ details: String) {
      lines.append("warn   \(what): \(details)")
    }

    mutating func fault(_ what: String, _ details: String, _ code: ExitCode) {
      lines.append("fault  \(what): \(details)")
      if exitCode != .configuration { exitCode = code }
    }
  }

  private let configuration: WorkerConfiguration
  private let environment: [String: String]
  private let logger: Logger

  /// A check of this configuration.
  public init(_ configuration: WorkerConfiguration, environment: [String: String]) {
    self.configuration = configuration
    self.environment = environment
    var logger = configuration.log.logger()
    logger.logLevel = .critical
    self.logger = logger
  }

  /// Looks at everything, whatever is found on the way.
  public func run() async -> Report {
    var report = Report()
    report.ok(
      "configuration",
      "librdkafka \(KafkaLibrary.version), properties set: \(configuration.kafka.properties.values.count)")
    for warning in configuration.warnings { report.warning("configuration", warning) }
    checkAccounts(&report)
    await checkAPI(&report)
    await checkTopics(&report)
    return report
  }

  private func checkAccounts(_ report: inout Report) {
    do {
      let file = try AccountsSource(configuration, environment: environment).load()
      report.ok("accounts", "\(file.accounts.count) with credentials of a valid form")
      for warning in file.warnings { report.warning("accounts", warning) }
    } catch {
      report.fault("accounts", "\(error)", .configuration)
    }
  }

  private func checkAPI(_ report: inout Report) async {
    do {
      let endpoint = try configuration.apiClient().validated()
      let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
      let connected = ClientBootstrap(group: group)
        .connectTimeout(.microseconds(configuration.api.timeout.microseconds))
        .connect(host: endpoint.host, port: endpoint.port)
      do {
        let channel = try await connected.get()
        try await channel.close().get()
        report.ok("API", "\(endpoint.host):\(endpoint.port) accepts connections")
      } catch {
        report.fault("API", "\(endpoint.host):\(endpoint.port) can't be reached: \(error)", .unavailable)
      }
      try? await group.shutdownGracefully()
    } catch {
      report.fault("API", "\(error)", .configuration)
    }
  }

  private func checkTopics(_ report: inout Report) async {
    do {
      let admin = try KafkaAdmin(configuration: configuration.kafkaClient, logger: logger)
      do {
        let cluster = try await KafkaAdmin.reach(configuration.kafkaClient, logger: logger)
        report.ok("broker", "\(cluster.brokers.count) broker\(cluster.brokers.count == 1 ? "" : "s") reached")
        let faults = try await TopicLayout(configuration.topicNames).faults(admin)
        if faults.isEmpty { report.ok("topics", "all as the worker needs them") }
        for fault in faults {
          if fault.kind.endsWorker {
            report.fault("topics", "\(fault)", .configuration)
          } else {
            report.warning("topics", "\(fault)")
          }
        }
      } catch {
        report.fault("broker", "\(error)", .unavailable)
      }
      await admin.close(timeout: .seconds(5))
    } catch {
      report.fault("broker", "\(error)", .configuration)
    }
  }
}
