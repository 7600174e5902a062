import CancelContract
import HTTPTransport
import Logging
import NIOCore

/// The cancel endpoint over this package's own transport.
///
/// A call's time begins when it is sent; calls beyond what the connections carry wait in order.
public final class EToroCancelClient: CancelClient {
  private let api: EToroAPI
  private let transport: HTTPTransportClient

  /// A client that lives on `loop`, and at once makes its warm connections.
  ///
  /// - Throws: ``CancelClientError`` where the configuration is at fault.
  public init(
    configuration: CancelClientConfiguration, on loop: any EventLoop, logger: Logger
  ) throws(CancelClientError) {
    let endpoint = try configuration.validated()
    do {
      self.transport = try HTTPTransportClient(configuration.transport(to: endpoint), on: loop, logger: logger)
    } catch {
      throw CancelClientError(.tls, error.description, cause: error.cause)
    }
    self.api = EToroAPI(endpoint: endpoint, paths: configuration.paths, version: configuration.version)
  }

  /// Sends one call; see ``CancelClient``.
  public func cancel(_ call: CancelCall) -> EventLoopFuture<CancelAnswer> {
    let promise = transport.loop.makePromise(of: CancelAnswer.self)
    transport.send(api.request(for: call)) { [api] result in promise.succeed(api.answer(to: call, result)) }
    return promise.futureResult
  }

  /// Closes every connection; see ``CancelClient``.
  public func shutdown() async {
    await transport.shutdown()
  }
}
