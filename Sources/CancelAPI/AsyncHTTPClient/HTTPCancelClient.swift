import AsyncHTTPClient
import CancelContract
import FoundationEssentials
import Logging
import NIOCore
import NIOHTTP1

/// The cancel endpoint over async-http-client: HTTP/2 where the server offers it, else HTTP/1.1.
///
/// Redirects are not followed, cookies not kept, and proxies not looked for.
public final class HTTPCancelClient: CancelClient {
  /// How the client reaches the API.
  public typealias Configuration = CancelClientConfiguration

  private let client: HTTPClient
  private let loop: any EventLoop
  private let endpoint: Endpoint
  private let paths: CancelPaths
  private let userAgent: String
  private let timeout: TimeAmount
  private let logger: Logger

  /// A client whose calls and connections run on one loop of `eventLoopGroup`.
  ///
  /// - Throws: ``CancelClientError`` where the configuration is at fault.
  public init(
    configuration: Configuration,
    eventLoopGroup: any EventLoopGroup,
    logger: Logger
  ) throws(CancelClientError) {
    self.endpoint = try configuration.validated()
    self.paths = configuration.paths
    self.userAgent = "cancel-worker/\(configuration.version)"
    self.timeout = TimeAmount(configuration.timeout)
    self.logger = logger
    self.loop = eventLoopGroup.next()

    var settings = HTTPClient.Configuration(
      tlsConfiguration: try configuration.makeTLSConfiguration(),
      redirectConfiguration: .disallow,
      timeout: .init(connect: TimeAmount(configuration.timeout)),
      proxy: nil,
      decompression: .disabled)
    settings.connectionPool.idleTimeout = TimeAmount(configuration.idleTimeout)
    settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = configuration.connections
    // no pre-warming: with it the shutdown of async-http-client 1.37 may never end
    // an unreachable API is the caller's to wait out: it knows the deadlines
    settings.connectionPool.retryConnectionEstablishment = false
    settings.tracing.tracer = nil
    self.client = HTTPClient(eventLoopGroupProvider: .shared(eventLoopGroup), configuration: settings)
  }

  /// Sends one call; see ``CancelClient``.
  public func cancel(_ call: CancelCall) -> EventLoopFuture<CancelAnswer> {
    let path = paths[call.account.environment]
    let url = "\(endpoint)\(path.prefix)\(call.orderID)\(path.suffix)"
    var headers: HTTPHeaders = [
      "x-request-id": call.requestID.uuidString.lowercased(),
      "user-agent": userAgent,
      "accept": "application/json",
    ]
    headers.add(contentsOf: call.account.credential.headers)
    let collector = AnswerCollector(call: call, endpoint: endpoint, timeout: timeout, loop: loop)
    do {
      let request = try HTTPClient.Request(url: url, method: .DELETE, headers: headers)
      return client.execute(
        request: request, delegate: collector, eventLoop: .delegateAndChannel(on: loop), deadline: .now() + timeout
      ).futureResult.flatMapErrorThrowing { collector.answer(insteadOf: $0) }
    } catch {
      return loop.makeSucceededFuture(CallFault.unreachable(endpoint, error).answer)
    }
  }

  /// Closes every connection; see ``CancelClient``.
  public func shutdown() async {
    do {
      try await client.shutdown()
    } catch {
      logger.debug("The HTTP client was shut down already")
    }
  }
}
