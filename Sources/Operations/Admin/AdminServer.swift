import CancelContract
import CancelService
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import NIOPosix
import ServiceLifecycle

/// The admin port: metrics, health and the live page. It changes nothing and knows no secret.
///
/// | path | what it tells |
/// |---|---|
/// | `/` | the live page, with `/live.css` and `/live.js` |
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

/// Where the admin server listens and whom it answers.
public struct AdminConfiguration: Sendable {
  /// The address to bind; `127.0.0.1` by default.
  public var host = "127.0.0.1"
  /// The port; 9464 by default, 0 for one of the system's choice.
  public var port = 9464
  /// Further names by which clients may call the server in their `host` header; `.example.com` allows every name below.
  /// Addresses, `localhost` and names without a dot need no mention.
  public var allowedHosts: [String] = []
  /// Whether metrics of a user key name its accounts; `false` by default.
  public var accountLabels = false
  /// How long the worker's loop may take to answer, before it counts as silent; 2 s by default.
  public var patience: Duration = .seconds(2)
  /// What a client may take.
  var bounds = Bounds()

  /// The defaults.
  public init() {}

  /// What a client may take.
  struct Bounds: Sendable {
    /// Connections at a time; more wait to be accepted.
    var connections = 64
    /// Live pages at a time.
    var eventStreams = 16
    /// A connection without a request is closed after this.
    var idleTimeout = TimeAmount.seconds(30)
    /// A request must have come in whole this soon after its head.
    var requestTimeout = TimeAmount.seconds(10)
    /// A client that doesn't read what is sent is dropped after this.
    var stallTimeout = TimeAmount.seconds(10)
    /// Bytes of one header.
    var headerBytes = 8 * 1024
    /// Bytes of a body, which no request needs.
    var bodyBytes = 64 * 1024
    /// The pause between two events of a live page.
    var eventInterval = Duration.seconds(1)
  }
}

/// Whom the admin server asks.
public struct AdminSources: Sendable {
  /// The worker as it is now; asked no more than twice a second.
  public var snapshot: @Sendable () async -> WorkerSnapshot
  /// What is told until the worker has answered once.
  public var initialSnapshot: WorkerSnapshot
  /// Whether the process's own loops turn; it need not watch the time.
  public var heartbeat: @Sendable () async -> Bool
  /// Every metric.
  public var registry: PrometheusRegistry
  /// What happened lately; an observer of the worker.
  public var feed: LiveFeed
  /// What the worker works with, for people who have several open; `nil` where it is not known.
  public var connections: Connections?

  /// What the worker works with.
  public struct Connections: Sendable {
    /// The API's host, with the port where it is not the usual one.
    public var api: String
    /// The brokers' addresses.
    public var brokers: String
    /// The consumer group.
    public var consumerGroup: String

    /// A worker between these.
    public init(api: String, brokers: String, consumerGroup: String) {
      self.api = api
      self.brokers = brokers
      self.consumerGroup = consumerGroup
    }
  }

  /// These sources.
  public init(
    initialSnapshot: WorkerSnapshot,
    snapshot: @escaping @Sendable () async -> WorkerSnapshot,
    heartbeat: @escaping @Sendable () async -> Bool,
    registry: PrometheusRegistry,
    feed: LiveFeed,
    connections: Connections? = nil
  ) {
    self.initialSnapshot = initialSnapshot
    self.snapshot = snapshot
    self.heartbeat = heartbeat
    self.registry = registry
    self.feed = feed
    self.connections = connections
  }
}

/// Closes a connection whose request doesn't come in whole, or whose client doesn't read.
///
/// The clock starts with the connection, and again after each response, for a head that comes in drops is not seen here
/// before it is whole.
final class ConnectionBounds: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let bounds: AdminConfiguration.Bounds
  private var bodyBytes = 0
  private var requestTimer: Scheduled<Void>?
  private var stallTimer: Scheduled<Void>?

  init(_ bounds: AdminConfiguration.Bounds) {
    self.bounds = bounds
  }

  func handlerAdded(context: ChannelHandlerContext) {
    requestTimer = closeLater(context, after: bounds.requestTimeout)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .end = unwrapOutboundIn(data) {
      requestTimer?.cancel()
      requestTimer = closeLater(context, after: bounds.idleTimeout)
    }
    context.write(data, promise: promise)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head:
      bodyBytes = 0
      requestTimer?.cancel()
      requestTimer = closeLater(context, after: bounds.requestTimeout)
    case .body(let part):
      bodyBytes += part.readableBytes
      guard bodyBytes <= bounds.bodyBytes else { return context.close(promise: nil) }
    case .end:
      requestTimer?.cancel()
      requestTimer = nil
    }
    context.fireChannelRead(data)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    stallTimer?.cancel()
    stallTimer = context.channel.isWritable ? nil : closeLater(context, after: bounds.stallTimeout)
    context.fireChannelWritabilityChanged()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    requestTimer?.cancel()
    stallTimer?.cancel()
  }

  private func closeLater(_ context: ChannelHandlerContext, after delay: TimeAmount) -> Scheduled<Void> {
    let channel = context.channel
    return context.eventLoop.scheduleTask(in: delay) { channel.close(promise: nil) }
  }
}
