import CancelAPI
import CancelContract
import CancelService
import HTTPTransport
import Kafka
import Logging
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

  /// Whether each account's credential is tried with a lookup, which changes nothing.
  private let asksAPI: Bool

  /// A check of this configuration.
  ///
  /// - Parameter asksAPI: Whether each account's credential is tried with a lookup, which changes nothing.
  public init(_ configuration: WorkerConfiguration, environment: [String: String], asksAPI: Bool = false) {
    self.asksAPI = asksAPI
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
    if KafkaLibrary.spinsInTransactions, configuration.delivery.guarantee == .exactlyOnce {
      report.warning(
        "librdkafka",
        "\(KafkaLibrary.version) spends about 2 ms of processor time on each transaction just waiting, some 40 % of a core "
          + "at 200 requests a second; 2.4 and later do not, such as Debian 13's librdkafka1 2.8. Results are the same")
    }
    for warning in configuration.warnings { report.warning("configuration", warning) }
    checkAccounts(&report)
    await checkAPI(&report)
    await checkTopics(&report)
    await checkTraces(&report)
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
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    do {
      let probe = try EToroProbe(configuration.apiClient(), on: group.next())
      do {
        report.ok("API", "\(probe.target) \(describe(try await probe.connect()))")
        if asksAPI { await checkCredentials(probe, &report) }
      } catch let failure as ConnectionProbe.Failure {
        report.fault("API", "\(failure.fault)\(describe(failure.certificate))", .unavailable)
      }
    } catch {
      report.fault("API", "\(error)", .configuration)
    }
    try? await group.shutdownGracefully()
  }

  /// Looks up one order with each account's credential.
  private func checkCredentials(_ probe: EToroProbe, _ report: inout Report) async {
    // what is wrong with the accounts themselves is said already
    guard let accounts = try? AccountsSource(configuration, environment: environment).load().accounts else { return }
    do {
      for (account, verdict) in try await probe.verdicts(on: accounts.all.sorted { "\($0.name)" < "\($1.name)" }) {
        let what = "account \(account.name)"
        switch verdict {
        case .accepted(let status):
          report.ok(what, "the API takes its credential (a lookup was answered with \(status))")
        case .refused(let status):
          report.fault(
            what, "the API refuses its credential (\(status)); check the keys and their environment", .configuration)
        case .unknown(let why): report.warning(what, "the API said nothing of its credential: \(why)")
        }
      }
    } catch {
      report.fault("API", "\(error)", .configuration)
    }
  }

  private func describe(_ facts: ConnectionProbe.Facts) -> String {
    let spoken = facts.protocolName == .http2 ? "HTTP/2" : "HTTP/1.1"
    guard let tls = facts.tlsVersion, let certificate = facts.certificate else {
      return "speaks \(spoken), not encrypted"
    }
    return "speaks \(spoken) over \(tls) (\(facts.cipher ?? "unknown cipher")); its certificate ends "
      + date(certificate.notAfter)
  }

  /// What of the certificate explains that it was refused.
  private func describe(_ certificate: ConnectionProbe.Certificate?) -> String {
    guard let certificate else { return "" }
    let names = certificate.names.prefix(10).joined(separator: ", ")
    return " It is valid from \(date(certificate.notBefore)) to \(date(certificate.notAfter)), for "
      + (names.isEmpty ? "no host name" : names) + "."
  }

  private func date(_ seconds: Int64) -> String {
    Timestamp(milliseconds: seconds * 1000).rfc3339
  }

  /// Whether the collector of traces can be reached, where there is one: the worker does its job without it.
  private func checkTraces(_ report: inout Report) async {
    guard let traces = configuration.traces else { return }
    do {
      let loop = MultiThreadedEventLoopGroup.singleton.next()
      let facts = try await ConnectionProbe.run(traces.transport, on: loop)
      report.ok("traces", "\(traces.target) \(describe(facts))")
    } catch let failure as ConnectionProbe.Failure {
      report.warning("traces", "\(failure.fault)\(describe(failure.certificate))")
    } catch {
      report.warning("traces", "\(error)")
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
