import CancelService
import NIOCore

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

  /// These sources.
  public init(
    initialSnapshot: WorkerSnapshot,
    snapshot: @escaping @Sendable () async -> WorkerSnapshot,
    heartbeat: @escaping @Sendable () async -> Bool,
    registry: PrometheusRegistry,
    feed: LiveFeed
  ) {
    self.initialSnapshot = initialSnapshot
    self.snapshot = snapshot
    self.heartbeat = heartbeat
    self.registry = registry
    self.feed = feed
  }
}
