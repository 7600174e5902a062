import NIOCore
import NIOHTTP2
import NIOPosix
import NIOSSL
import NIOTLS

/// What a connection speaks.
enum ConnectionProtocol: String {
  /// HTTP/1.1
  case http1 = "http/1.1"
  /// HTTP/2
  case http2 = "h2"
}

/// Makes connections to the API: TCP, then TLS where the endpoint is encrypted, then the handler that speaks HTTP.
struct Connector {
  let loop: any EventLoop
  let endpoint: Endpoint
  let timeout: TimeAmount
  /// `nil` where the endpoint is not encrypted.
  let tls: NIOSSLContext?

  /// Whether TLS is used, and with it the choice of protocol.
  var isEncrypted: Bool { tls != nil }

  /// Makes one connection.
  ///
  /// - Parameters:
  ///   - onChannel: Told the channel as soon as there is one.
  ///   - handler: Makes the connection's last handler, once the protocol is known.
  ///   - completion: Told the connection, or why there is none.
  func connect(
    onChannel: @escaping (any Channel) -> Void,
    handler: @escaping (ConnectionProtocol) -> ConnectionPool.Connection,
    completion: @escaping (Result<ConnectionPool.Connection, CallFault>) -> Void
  ) {
    let endpoint = endpoint
    let negotiated = loop.makePromise(of: ConnectionProtocol.self)
    let bootstrap = ClientBootstrap(group: loop)
      .connectTimeout(timeout)
      .channelOption(.socketOption(.so_keepalive), value: 1)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelInitializer { [tls] channel in
        channel.eventLoop.makeCompletedFuture {
          guard let tls else { return }
          let name = endpoint.isAddress ? nil : endpoint.host
          try channel.pipeline.syncOperations.addHandlers(
            NIOSSLClientHandler(context: tls, serverHostname: name), NegotiationHandler(negotiated))
        }
      }
    let connected = bootstrap.connect(host: endpoint.host, port: endpoint.port)
    let overdue = loop.scheduleTask(in: timeout) { negotiated.fail(ChannelError.connectTimeout(timeout)) }
    connected.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let channel):
        onChannel(channel)
        if tls == nil { negotiated.succeed(.http1) }
      case .failure(let error):
        negotiated.fail(error)
      }
    }
    connected.and(negotiated.futureResult).assumeIsolated().whenComplete { result in
      overdue.cancel()
      completion(
        result.flatMap { channel, name in
          Result { try Self.install(handler(name), on: channel) }
        }.mapError { .unreachable(endpoint, $0) })
      // an attempt that lost to its time limit may still come through
      if case .failure = result { connected.whenSuccess { $0.close(promise: nil) } }
    }
  }

  private static func install(
    _ connection: ConnectionPool.Connection, on channel: any Channel
  ) throws -> ConnectionPool.Connection {
    guard channel.isActive else { throw IOError(errnoCode: ECONNRESET, reason: "closed while it was made") }
    let pipeline = channel.pipeline.syncOperations
    switch connection {
    case .http1(let handler):
      try pipeline.addHandler(handler)
    case .http2(let handler):
      try pipeline.addHandlers(
        NIOHTTP2Handler(mode: .client, initialSettings: HTTP2Connection.settings), handler)
    }
    return connection
  }
}

/// Waits for the end of the TLS handshake, and tells what was agreed on.
private final class NegotiationHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = Any

  private let promise: EventLoopPromise<ConnectionProtocol>

  init(_ promise: EventLoopPromise<ConnectionProtocol>) {
    self.promise = promise
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .handshakeCompleted(let name)? = event as? TLSUserEvent else {
      return context.fireUserInboundEventTriggered(event)
    }
    // a server that doesn't negotiate speaks HTTP/1.1
    promise.succeed(name.flatMap(ConnectionProtocol.init(rawValue:)) ?? .http1)
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    promise.fail(error)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    promise.fail(IOError(errnoCode: ECONNRESET, reason: "closed during the handshake"))
    context.fireChannelInactive()
  }
}
