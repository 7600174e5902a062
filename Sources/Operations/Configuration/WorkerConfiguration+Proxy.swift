import CancelAPI
import HTTPTransport

extension WorkerConfiguration {
  /// Finds the proxy that leads to the API: `api.proxy`, else what `HTTPS_PROXY` and `NO_PROXY` say.
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
