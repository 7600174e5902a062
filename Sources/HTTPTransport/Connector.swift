import NIOCore
import NIOExtras
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOTLS

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a connection speaks.
package enum ConnectionProtocol: String, Sendable {
  /// HTTP/1.1
  case http1 = "http/1.1"
  /// HTTP/2
  case http2 = "h2"
}

/// Makes connections to the origin: TCP, the proxy's tunnel where there is one, TLS where the origin is encrypted, then
/// the handlers that speak HTTP.
struct Connector {
  let loop: any EventLoop
  let origin: HTTPOrigin
  let timeout: TimeAmount
  /// `nil` where the origin is not encrypted.
  let tls: NIOSSLContext?
  let proxy: HTTPProxy?
  /// Where there is one, it sees the server's certificate, which is then refused: to find out why it was.
  var inspectCertificate: (@Sendable (ConnectionProbe.Certificate) -> Void)?

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
    completion: @escaping (Result<ConnectionPool.Connection, HTTPFault>) -> Void
  ) {
    negotiate(onChannel: onChannel) { result in
      completion(
        result.flatMap { channel, name in
          Result { try Self.install(handler(name), on: channel) }.mapError { self.fault($0) }
        })
    }
  }

  /// Makes one connection up to the choice of the protocol; nothing is sent on it.
  func negotiate(
    onChannel: @escaping (any Channel) -> Void,
    beforeTLS handlers: @escaping @Sendable () -> [any ChannelHandler] = { [] },
    completion: @escaping (Result<(any Channel, ConnectionProtocol), HTTPFault>) -> Void
  ) {
    let negotiated = loop.makePromise(of: ConnectionProtocol.self)
    let connected = Self.bootstrap(loop, timeout: timeout)
      .connect(host: proxy?.host ?? origin.host, port: proxy?.port ?? origin.port)
    let overdue = loop.scheduleTask(in: timeout) { negotiated.fail(ChannelError.connectTimeout(timeout)) }
    let deadline = NIODeadline.now() + timeout
    connected.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let channel):
        onChannel(channel)
        self.openTunnel(on: channel, deadline: deadline).assumeIsolated().whenComplete { result in
          do {
            try result.get()
            try self.secure(channel, handlers(), negotiated)
          } catch {
            negotiated.fail(error)
          }
        }
      case .failure(let error):
        negotiated.fail(error)
      }
    }
    connected.and(negotiated.futureResult).assumeIsolated().whenComplete { result in
      overdue.cancel()
      completion(result.mapError { self.fault($0) })
      // an attempt that lost to its time limit may still come through
      if case .failure = result { connected.whenSuccess { $0.close(promise: nil) } }
    }
  }

  /// `error` as the fault of a request for which no connection could be had.
  func fault(_ error: any Error) -> HTTPFault {
    HTTPFault(connectingTo: origin, through: proxy, error)
  }

  /// TCP that notices a dead peer: an idle one by probes, and one that acknowledges nothing within the time that a
  /// request has.
  private static func bootstrap(_ loop: any EventLoop, timeout: TimeAmount) -> ClientBootstrap {
    let bootstrap = ClientBootstrap(group: loop)
      .connectTimeout(timeout)
      .channelOption(.socketOption(.so_keepalive), value: 1)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
    #if os(Linux)
      let milliseconds = max(1000, timeout.nanoseconds / 1_000_000)
      return
        bootstrap
        .channelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: 15)
        .channelOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: 5)
        .channelOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: 3)
        .channelOption(.tcpOption(.init(rawValue: TCP_USER_TIMEOUT)), value: Int(clamping: milliseconds))
    #else
      return bootstrap
    #endif
  }

  /// Has the proxy make a tunnel, where there is one.
  private func openTunnel(on channel: any Channel, deadline: NIODeadline) -> EventLoopFuture<Void> {
    guard let proxy else { return loop.makeSucceededVoidFuture() }
    let opened = loop.makePromise(of: Void.self)
    var headers = HTTPHeaders([("host", "\(origin.tunnelHost):\(origin.port)")])
    if let authorization = proxy.authorization { headers.add(name: "proxy-authorization", value: authorization) }
    let encoder = HTTPRequestEncoder()
    let decoder = ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes))
    let connect = NIOHTTP1ProxyConnectHandler(
      targetHost: origin.tunnelHost, targetPort: origin.port, headers: headers, deadline: deadline, promise: opened)
    let pipeline = channel.pipeline.syncOperations
    do {
      try pipeline.addHandlers(encoder, decoder, connect, TunnelErrorHandler())
    } catch {
      opened.fail(error)
      return opened.futureResult
    }
    // The decoder is in the middle of the proxy's answer, so that its removal waits for the end of that; and it must
    // be gone before anything else is written.
    let removed = loop.makePromise(of: Void.self)
    opened.futureResult.assumeIsolated().whenComplete { result in
      switch result {
      case .success:
        pipeline.removeHandler(encoder, promise: nil)
        pipeline.removeHandler(decoder, promise: removed)
      case .failure(let error):
        removed.fail(error)
      }
    }
    return removed.futureResult
  }

  /// Begins TLS, where the origin is encrypted.
  private func secure(
    _ channel: any Channel, _ handlers: [any ChannelHandler], _ negotiated: EventLoopPromise<ConnectionProtocol>
  ) throws {
    guard let tls else { return negotiated.succeed(.http1) }
    guard channel.isActive else { throw IOError(errnoCode: ECONNRESET, reason: "closed while it was made") }
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandlers(handlers)
    let name = origin.isAddress ? nil : origin.host
    if let inspectCertificate {
      let inspect: NIOSSLCustomVerificationCallback = { certificates, verified in
        if let certificate = certificates.first { inspectCertificate(ConnectionProbe.Certificate(certificate)) }
        verified.succeed(.failed)
      }
      try pipeline.addHandlers(
        NIOSSLClientHandler(context: tls, serverHostname: name, customVerificationCallback: inspect),
        NegotiationHandler(negotiated))
    } else {
      try pipeline.addHandlers(
        NIOSSLClientHandler(context: tls, serverHostname: name), NegotiationHandler(negotiated))
    }
  }

  private static func install(
    _ connection: ConnectionPool.Connection, on channel: any Channel
  ) throws -> ConnectionPool.Connection {
    guard channel.isActive else { throw IOError(errnoCode: ECONNRESET, reason: "closed while it was made") }
    let pipeline = channel.pipeline.syncOperations
    switch connection {
    case .http1(let connection): try connection.install(in: pipeline)
    case .http2(let connection): try connection.install(in: pipeline)
    }
    return connection
  }
}

extension HTTPOrigin {
  /// The host as CONNECT writes it.
  fileprivate var tunnelHost: String { host.contains(":") ? "[\(host)]" : host }
}

/// Closes the channel where the proxy's answer can't be read.
private final class TunnelErrorHandler: ChannelInboundHandler {
  typealias InboundIn = Any

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
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
    guard Self.hasNames(context.pipeline.syncOperations) else {
      promise.fail(CertificateWithoutNames())
      return context.close(promise: nil)
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

  /// Whether the certificate has subject alternative names. Where it has, swift-nio-ssl has matched them; where it has
  /// none, it has matched the common name, which RFC 9110 (section 4.3.4) no longer allows.
  private static func hasNames(_ pipeline: ChannelPipeline.SynchronousOperations) -> Bool {
    guard let certificate = try? pipeline.nioSSL_peerCertificate() else { return false }
    return !certificate._subjectAlternativeNames().isEmpty
  }
}
