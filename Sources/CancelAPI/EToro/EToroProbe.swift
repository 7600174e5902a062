import CancelContract
import HTTPTransport
import Logging
import NIOCore

/// Finds out whether the API can be reached, and which credentials it takes, without changing anything.
package struct EToroProbe: Sendable {
  /// What the API makes of a credential.
  package enum Verdict: Hashable, Sendable {
    /// It knows the account: the lookup was answered.
    case accepted(status: Int)
    /// It refuses the credential.
    case refused(status: Int)
    /// It said nothing of the credential.
    case unknown(String)
  }

  private let endpoint: Endpoint
  private let transport: HTTPTransportConfiguration
  private let api: EToroAPI
  private let loop: any EventLoop

  /// A probe of the API that this configuration reaches.
  ///
  /// - Throws: ``CancelClientError`` where the configuration is at fault.
  package init(_ configuration: CancelClientConfiguration, on loop: any EventLoop) throws(CancelClientError) {
    self.endpoint = try configuration.validated()
    var transport = configuration.transport(to: endpoint)
    transport.warmConnections = 0
    self.transport = transport
    self.api = EToroAPI(
      endpoint: endpoint, paths: configuration.paths, reads: configuration.readPaths, version: configuration.version)
    self.loop = loop
  }

  /// The API's host and port, and the proxy that leads there.
  package var target: String {
    "\(endpoint.host):\(endpoint.port)" + (transport.proxy.map { " through the proxy \($0)" } ?? "")
  }

  /// Makes one connection as the worker does; nothing is sent on it.
  ///
  /// - Throws: `ConnectionProbe.Failure`, or ``CancelClientError`` where a certificate's or key's file is at fault.
  package func connect() async throws -> ConnectionProbe.Facts {
    do {
      return try await ConnectionProbe.run(transport, on: loop)
    } catch let fault as TLSSettings.Fault {
      throw CancelClientError(.tls, fault.description, cause: fault.cause)
    }
  }

  /// Looks up one order with each account's credential, one after the other.
  package func verdicts(on accounts: [Account]) async throws -> [(account: Account, verdict: Verdict)] {
    let client: HTTPTransportClient
    do {
      client = try HTTPTransportClient(
        transport, on: loop, logger: Logger(label: "probe") { _ in SwiftLogNoOpLogHandler() })
    } catch {
      throw CancelClientError(.tls, error.description, cause: error.cause)
    }
    guard let order = OrderID(1) else { preconditionFailure("1 is an order's number") }
    var verdicts: [(account: Account, verdict: Verdict)] = []
    for account in accounts {
      let promise = loop.makePromise(of: HTTPResponse.self)
      client.send(api.lookup(of: order, for: account)) { promise.completeWith($0.mapError { $0 as any Error }) }
      do {
        verdicts.append((account, Self.verdict(on: try await promise.futureResult.get().status)))
      } catch {
        verdicts.append((account, .unknown("\(error)")))
      }
    }
    await client.shutdown()
    return verdicts
  }

  /// An order that the account does not have is as good an answer as one that it has: both need a valid credential.
  private static func verdict(on status: Int) -> Verdict {
    switch status {
    case 200..<300, 404: .accepted(status: status)
    case 401, 403: .refused(status: status)
    case 429: .unknown("the quota for lookups is used up (429); try again in a minute")
    default: .unknown("the lookup was answered with status \(status)")
    }
  }
}
