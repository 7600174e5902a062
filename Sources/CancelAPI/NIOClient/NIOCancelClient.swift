import CancelContract
import Logging
import NIOCore
import NIOSSL

/// The cancel endpoint over swift-nio's own channels: a lean client for this one host.
///
/// HTTP/2 where the server offers it, else HTTP/1.1 with kept-alive connections. All of it lives on one event loop, so
/// that nothing is locked. A call's time begins when it is sent; calls beyond what the connections carry wait in order.
public final class NIOCancelClient: CancelClient {
  private let loop: any EventLoop
  private let pool: NIOLoopBoundBox<ConnectionPool>

  /// A client that lives on one loop of `eventLoopGroup`, and at once makes its warm connections.
  ///
  /// - Throws: ``CancelClientError`` where the configuration is at fault.
  public init(
    configuration: CancelClientConfiguration,
    eventLoopGroup: any EventLoopGroup,
    logger: Logger
  ) throws(CancelClientError) {
    let endpoint = try configuration.validated()
    let timeout = TimeAmount(configuration.timeout)
    self.loop = eventLoopGroup.next()
    let connector = Connector(
      loop: loop, endpoint: endpoint, timeout: timeout,
      tls: endpoint.isEncrypted ? try Self.makeTLSContext(configuration) : nil)
    let encoder = RequestEncoder(
      endpoint: endpoint, paths: configuration.paths, userAgent: "cancel-worker/\(configuration.version)")
    let limits = ConnectionPoolStateMachine<PendingCall>.Limits(
      connections: configuration.connections,
      warmConnections: min(configuration.warmConnections, configuration.connections),
      maxWaiting: configuration.maxWaiting, idleTimeout: TimeAmount(configuration.idleTimeout))
    self.pool = .makeBoxSendingValue(
      ConnectionPool(connector: connector, encoder: encoder, timeout: timeout, limits: limits, logger: logger),
      eventLoop: loop)
    loop.execute { [pool] in pool.value.warm() }
  }

  /// Sends one call; see ``CancelClient``.
  public func cancel(_ call: CancelCall) -> EventLoopFuture<CancelAnswer> {
    let promise = loop.makePromise(of: CancelAnswer.self)
    if loop.inEventLoop {
      pool.value.submit(PendingCall(call: call, promise: promise))
    } else {
      loop.execute { [pool] in pool.value.submit(PendingCall(call: call, promise: promise)) }
    }
    return promise.futureResult
  }

  /// Closes every connection; see ``CancelClient``.
  public func shutdown() async {
    let closed = loop.makePromise(of: Void.self)
    loop.execute { [pool] in pool.value.shutDown(closed) }
    // the promise is only ever kept
    try? await closed.futureResult.get()
  }

  private static func makeTLSContext(_ configuration: CancelClientConfiguration) throws(CancelClientError)
    -> NIOSSLContext
  {
    var tls = try configuration.makeTLSConfiguration()
    tls.applicationProtocols = [ConnectionProtocol.http2.rawValue, ConnectionProtocol.http1.rawValue]
    do {
      return try NIOSSLContext(configuration: tls)
    } catch {
      throw CancelClientError(.tls, "TLS can't be set up with the trust roots; check their file", cause: error)
    }
  }
}
