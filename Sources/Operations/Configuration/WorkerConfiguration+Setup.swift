import CancelAPI
import CancelContract
import CancelCore
import CancelService
import HTTPTransport
import Kafka

extension WorkerConfiguration {
  /// The topics' names.
  public var topicNames: TopicNames { topics.names }

  /// The rules of the decisions.
  public var policy: CancelPolicy {
    var policy = CancelPolicy()
    policy.quotaCalls = quota.calls
    // The API's clock may run slower than this one: by NTP each is slewed by 500 parts in a million at most.
    policy.quotaWindow = quota.window + quota.window / 1000
    policy.quotaTrustsHeaders = quota.trustHeaders
    policy.afterTakeover = quota.afterTakeover
    policy.reservedForKillSwitch = quota.calls == 0 ? 0 : quota.reservedForKillSwitch
    policy.acceptedWindow = dedup.acceptedWindow
    policy.rejectedWindow = dedup.rejectedWindow
    policy.routineDeadline = request.routineDeadline
    policy.killSwitchDeadline = request.killSwitchDeadline
    policy.maxInFlight = api.connections
    policy.callTimeout = api.timeout
    policy.progressAfter = progress.after
    policy.breakerMode = breaker.mode
    policy.listCalls = quota.lists
    policy.lookupCalls = quota.lookups
    policy.readWindow = quota.readWindow + quota.readWindow / 1000
    policy.confirms = confirm.mode
    policy.confirmWithin = confirm.within
    policy.campaignRetention = campaigns.retention
    return policy
  }

  /// How the API is reached.
  ///
  /// - Throws: ``ConfigurationError`` for a path without `{orderId}`, or a base URL that can't be used.
  public func apiClient() throws(ConfigurationError) -> CancelClientConfiguration {
    var client = CancelClientConfiguration()
    client.baseURL = api.baseURL
    client.timeout = api.timeout
    client.connections = api.connections
    client.allowPlaintext = api.allowPlaintext
    if let caFile = api.caFile { client.trustRoots = .file(caFile) }
    client.clientCertificate = api.clientCertificate
    client.clientKey = api.clientKey
    client.proxy = api.proxy
    var faults: [ConfigurationError.Fault] = []
    for (key, template, environment) in [
      ("api.realPath", api.realPath, APIEnvironment.real), ("api.demoPath", api.demoPath, .demo),
    ] {
      guard let template else { continue }
      do {
        let path = try CancelPath(template)
        if environment == .real { client.paths.real = path } else { client.paths.demo = path }
      } catch {
        faults.append(.init(key: key, message: "\(error)"))
      }
    }
    for (key, template, path) in [
      ("api.realLookupPath", api.realLookupPath, \CancelClientConfiguration.readPaths.realLookup),
      ("api.demoLookupPath", api.demoLookupPath, \.readPaths.demoLookup),
    ] {
      guard let template else { continue }
      do {
        client[keyPath: path] = try CancelPath(template, allowsQuery: true)
      } catch {
        faults.append(.init(key: key, message: "\(error)"))
      }
    }
    for (key, text, path) in [
      ("api.realPortfolioPath", api.realPortfolioPath, \CancelClientConfiguration.readPaths.realPortfolio),
      ("api.demoPortfolioPath", api.demoPortfolioPath, \.readPaths.demoPortfolio),
    ] {
      guard let text else { continue }
      client[keyPath: path] = text
      if let fault = ReadPaths.fault(ofPortfolio: text) { faults.append(.init(key: key, message: fault)) }
    }
    do {
      _ = try client.validated()
    } catch {
      faults.append(.init(key: "api", message: "\(error)"))
    }
    guard faults.isEmpty else { throw ConfigurationError(faults: faults) }
    return client
  }

  /// A worker with this configuration and these accounts.
  public func setup(accounts: Accounts) throws(ConfigurationError) -> WorkerSetup {
    var setup = WorkerSetup(kafka: kafkaClient, instanceID: worker.instanceID, accounts: accounts)
    setup.groupID = consumer.groupID
    setup.topics = topics.names
    setup.guarantee = delivery.guarantee
    setup.policy = policy
    setup.defaultAccount = AccountName(self.accounts.defaultAccount)
    setup.api = try apiClient()
    setup.maxPending = request.maxPending
    setup.drainTimeout = shutdown.drainTimeout
    setup.echoedHeaders = Set(request.echoHeaders)
    setup.maximumRequestBytes = request.maxBytes
    return setup
  }
}

extension WorkerConfiguration {
  /// Finds the proxy that leads to the API: `api.proxy`, else what `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
  mutating func readProxy(_ values: inout ConfigurationValues, environment: [String: String]) {
    let address = values.text("api.proxy")
    let credentials = values.text("api.proxyCredentials")
    do {
      if let address {
        guard address != "none" else { return }
        api.proxy = try HTTPProxy(url: address, credentials: try credentials.map { try Self.secret($0, environment) })
      } else if let endpoint = try? Endpoint(baseURL: api.baseURL, allowPlaintext: true) {
        guard credentials == nil else {
          return values.fault("api.proxyCredentials", "is set without api.proxy; set both")
        }
        api.proxy = try HTTPProxy.environment(environment, for: endpoint.origin)
      }
    } catch let fault as HTTPProxy.Fault {
      values.fault("api.proxy", fault.description)
    } catch {
      values.fault("api.proxyCredentials", "\(error)")
    }
  }

  /// The text of a secret that may be given as `file:PATH` or `env:NAME`.
  private static func secret(_ text: String, _ environment: [String: String]) throws -> String {
    try Secret(configured: text, environment: environment).reveal()
  }
}
