import CancelContract
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The admin port: metrics, health and the live page. It changes nothing and knows no secret.
///
/// | path | what it tells |
/// |---|---|
/// | `/` | the live page |
/// | `/events` | what the live page shows, as server-sent events |
/// | `/status` | the worker's state, as JSON |
/// | `/metrics` | Prometheus text 0.0.4 or OpenMetrics 1.0, by the `accept` header |
/// | `/livez` | 200 while the process's own loops turn; asks neither broker nor API |
/// | `/readyz` | 200 while the worker is ready; else 503 and why |
///
/// Its threads are not the worker's. Connections, headers, bodies and the time that a client may take are bounded, so nobody
/// who reaches the port can hold the worker up.
public struct AdminServer: Service {
  private let configuration: AdminConfiguration
  private let sources: AdminSources
  private let logger: Logger
  private let onListening: @Sendable (_ port: Int) -> Void

  /// - Parameter onListening: told the port, once clients can connect; where 0 was configured the system chose one.
  public init(
    configuration: AdminConfiguration, sources: AdminSources, logger: Logger,
    onListening: @escaping @Sendable (_ port: Int) -> Void = { _ in }
  ) {
    self.configuration = configuration
    self.sources = sources
    self.logger = logger
    self.onListening = onListening
  }

  /// Serves until the graceful shutdown.
  ///
  /// - Throws: ``AdminServerError`` where the port can't be had.
  public func run() async throws {
    // The process's own group, which never ends: what a closing connection still has to say finds its loop.
    let group = MultiThreadedEventLoopGroup.singleton
    let responder = AdminResponder(
      configuration: configuration, sources: sources, eventLoop: group.next(), logger: logger)
    var quiet = logger
    quiet.logLevel = max(logger.logLevel, .warning)
    let bounds = configuration.bounds
    let application = Application(
      responder: CallbackResponder<BasicRequestContext> { request, _ in await responder.respond(to: request) },
      server: .http1(
        configuration: HTTP1Channel.Configuration(
          additionalChannelHandlers: [ConnectionBounds(bounds)],
          idleTimeout: bounds.idleTimeout,
          httpDecoderConfiguration: .init(
            maxHeaderFieldSize: bounds.headerBytes, maxHeaderListSize: 2 * bounds.headerBytes,
            maxHeaderFieldCount: 100))),
      configuration: ApplicationConfiguration(
        address: .hostname(configuration.host, port: configuration.port),
        backlog: 64,
        availableConnectionsDelegate: .maximum(bounds.connections, logger: quiet)),
      onServerRunning: { channel in
        let port = channel.localAddress?.port ?? configuration.port
        logger.info(
          "admin port open", metadata: ["host": "\(configuration.host)", "port": "\(port)"])
        onListening(port)
      },
      eventLoopGroupProvider: .shared(group),
      logger: quiet)
    do {
      try await application.run()
    } catch let error as IOError {
      throw AdminServerError(host: configuration.host, port: configuration.port, cause: error)
    } catch let error as SocketAddressError {
      throw AdminServerError(host: configuration.host, port: configuration.port, cause: error)
    }
  }
}

/// The admin port can't be had.
public struct AdminServerError: Error, CustomStringConvertible {
  /// The address that was asked for.
  public var host: String
  /// The port that was asked for.
  public var port: Int
  /// What the system says.
  public var cause: any Error

  /// What is wrong and what to do.
  public var description: String {
    "the admin server can't listen on \(host):\(port): \(cause); free the port, or set admin.host and admin.port"
  }
}
