import Logging
import NIOCore
import NIOSSL

/// How a client reaches its origin, and the bounds that it keeps to.
package struct HTTPTransportConfiguration: Sendable {
  /// Where requests go.
  package var origin: HTTPOrigin
  /// Whose certificates are trusted, where the origin is encrypted.
  package var tls = TLSSettings()
  /// The proxy that makes tunnels to the origin.
  package var proxy: HTTPProxy?
  /// Whether an encrypted origin is offered HTTP/2; `true` by default. Requests with bodies need it `false`.
  package var offersHTTP2 = true
  /// How long a request may take from sending to the response's last byte, and a connection to be made; 5 s by default.
  package var timeout: Duration = .seconds(5)
  /// How long a request may wait for a connection before it is sent; twice ``timeout`` by default.
  package var waitTimeout: Duration?
  /// The most connections at a time, which is the most requests at a time with HTTP/1.1; 64 by default.
  package var connections = 64
  /// How many connections are kept open when there is nothing to do; 2 by default, one of them with HTTP/2.
  package var warmConnections = 2
  /// How long a connection beyond the warm ones may be idle before it is closed; 30 s by default.
  package var idleTimeout: Duration = .seconds(30)
  /// How old a connection becomes before a new one takes its place, so that changes of the name's addresses arrive;
  /// 5 min by default.
  package var maxAge: Duration = .seconds(300)
  /// The most requests that may wait for a connection; 100,000 by default.
  package var maxWaiting = 100_000
  /// The most of a body that is read, and kept after decoding, in bytes; 64 KiB by default.
  package var longestBody = 64 * 1024
  /// The most bytes of a response's header names and values; 128 KiB by default. A single one has at most 80 KiB.
  package var longestHead = 128 * 1024

  /// The defaults for this origin.
  package init(origin: HTTPOrigin) {
    self.origin = origin
  }
}

/// A lean HTTP client for one host: HTTP/2 where the server offers it, else HTTP/1.1 with kept-alive connections.
///
/// All of it lives on one event loop, so that nothing is locked. A request's time begins when it is sent; requests
/// beyond what the connections carry wait in order. Redirects are not followed and cookies not kept.
package final class HTTPTransportClient: Sendable {
  /// The event loop on which everything happens.
  package let loop: any EventLoop
  private let pool: NIOLoopBoundBox<ConnectionPool>
  private let offersHTTP2: Bool

  /// A client that lives on `loop`, and at once makes its warm connections.
  ///
  /// - Throws: ``TLSSettings/Fault`` where TLS can't be set up.
  package init(
    _ configuration: HTTPTransportConfiguration, on loop: any EventLoop, logger: Logger
  ) throws(TLSSettings.Fault) {
    self.loop = loop
    self.offersHTTP2 = configuration.offersHTTP2
    let connector = try Connector(configuration, on: loop)
    let limits = ConnectionPoolStateMachine<PendingRequest>.Limits(
      connections: configuration.connections,
      warmConnections: min(configuration.warmConnections, configuration.connections),
      maxWaiting: configuration.maxWaiting,
      waitTimeout: TimeAmount(configuration.waitTimeout ?? configuration.timeout * 2),
      idleTimeout: TimeAmount(configuration.idleTimeout),
      maxAge: TimeAmount(configuration.maxAge))
    self.pool = .makeBoxSendingValue(
      ConnectionPool(
        connector: connector, limits: limits, longestBody: configuration.longestBody,
        longestHead: configuration.longestHead, logger: logger),
      eventLoop: loop)
    loop.execute { [pool] in pool.value.warm() }
  }

  /// Sends one request.
  ///
  /// - Parameters:
  ///   - onBody: Told each part of the body of a success as it comes, on ``loop``; the response has no body then. A body
  ///     that is coded, and that of any other status, is in the response as a whole. `nil` where all are wanted so.
  ///   - completion: Told the response or the fault, on ``loop``, exactly once.
  package func send(
    _ request: HTTPRequest, onBody: (@Sendable (ByteBuffer) -> Void)? = nil,
    completion: @escaping @Sendable (Result<HTTPResponse, HTTPFault>) -> Void
  ) {
    precondition(request.body == nil || !offersHTTP2, "a request with a body needs a client that offers no HTTP/2")
    let pending = PendingRequest(request: request, onBody: onBody, completion: completion)
    if loop.inEventLoop {
      pool.value.submit(pending)
    } else {
      loop.execute { [pool] in pool.value.submit(pending) }
    }
  }

  /// Closes every connection. Requests without a response get a fault that says whether they may have been sent.
  package func shutdown() async {
    let closed = loop.makePromise(of: Void.self)
    loop.execute { [pool] in pool.value.shutDown(closed) }
    // the promise is only ever kept
    try? await closed.futureResult.get()
  }
}

extension Connector {
  /// What makes connections with this configuration.
  init(_ configuration: HTTPTransportConfiguration, on loop: any EventLoop) throws(TLSSettings.Fault) {
    self.loop = loop
    self.origin = configuration.origin
    self.timeout = TimeAmount(configuration.timeout)
    let protocols: [ConnectionProtocol] = configuration.offersHTTP2 ? [.http2, .http1] : [.http1]
    self.tls =
      configuration.origin.isEncrypted
      ? try configuration.tls.context(protocols: protocols.map(\.rawValue)) : nil
    self.proxy = configuration.proxy
  }
}
