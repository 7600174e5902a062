import CancelContract
import CancelCore
import CancelService
import HTTPTransport

/// Everything that can be configured, with its default; the keys are the properties' names joined by dots
/// (`kafka.bootstrapServers`), and environment variables' in capitals (`KAFKA_BOOTSTRAP_SERVERS`).
public struct WorkerConfiguration: Sendable {
  /// How Kafka is reached.
  public var kafka = KafkaSection()
  /// The consumer group.
  public var consumer = ConsumerSection()
  /// This worker among others.
  public var worker = WorkerSection()
  /// The topics.
  public var topics = TopicsSection()
  /// How results reach their topic.
  public var delivery = DeliverySection()
  /// How long outcomes answer duplicates.
  public var dedup = DedupSection()
  /// How the API is reached.
  public var api = APISection()
  /// Where the accounts come from.
  public var accounts = AccountsSection()
  /// The calls that the API allows.
  public var quota = QuotaSection()
  /// What happens after an acceptance.
  public struct ConfirmSection: Sendable {
    /// Whether each accepted cancel is confirmed by a lookup: `after`, or `off` by default.
    public var mode = false
    /// How long an order is looked up; 60 seconds by default.
    public var within = Duration.seconds(60)
  }

  /// Campaigns.
  public struct CampaignsSection: Sendable {
    /// How long a campaign is kept after its last result; 24 hours by default.
    public var retention = Duration.seconds(86_400)
  }

  /// What holds for requests that say nothing else.
  public var request = RequestSection()
  /// Progress events.
  public var progress = ProgressSection()
  /// What happens after an acceptance.
  public var confirm = ConfirmSection()
  /// Campaigns.
  public var campaigns = CampaignsSection()
  /// What happens while the API refuses a key.
  public var breaker = BreakerSection()
  /// The admin server.
  public var admin = AdminSection()
  /// The log.
  public var log = LogSection()
  /// The graceful stop.
  public var shutdown = ShutdownSection()
  /// The metrics.
  public var metrics = MetricsSection()

  /// Where spans are exported to, as OpenTelemetry's variables say (`OTEL_EXPORTER_OTLP_ENDPOINT`); `nil` for nowhere.
  package var traces: TraceExport?

  /// What was read and is probably not meant, for people; not what keeps the worker from starting.
  public var warnings: [String] = []

  /// The defaults.
  public init() {}

  /// Properties for librdkafka; prints their names only, for the values may be secrets.
  public struct KafkaProperties: Sendable, CustomStringConvertible, CustomReflectable {
    /// The values by name.
    public var values: [String: String] = [:]

    /// The names.
    public var description: String { values.keys.sorted().joined(separator: ", ") }

    /// Nothing, for what is reflected is printed.
    public var customMirror: Mirror { Mirror(self, children: []) }
  }

  /// How Kafka is reached.
  public struct KafkaSection: Sendable {
    /// `host:port`, several separated by commas; required.
    public var bootstrapServers = ""
    /// Properties for librdkafka, as they are.
    public var properties = KafkaProperties()
  }

  /// The consumer group.
  public struct ConsumerSection: Sendable {
    /// The group's id; workers with the same id share the partitions.
    public var groupID = "cancel-worker"
  }

  /// This worker among others.
  public struct WorkerSection: Sendable {
    /// Names the static group member and the transactional id; the host's name by default.
    public var instanceID = ""
  }

  /// The topics.
  public struct TopicsSection: Sendable {
    /// Their names.
    public var names = TopicNames()
    /// Partitions of topics that `topics create` makes; 4 by default.
    public var partitions = 4
    /// Copies of each partition of such topics; -1 leaves it to the broker.
    public var replicationFactor = -1
  }

  /// How results reach their topic.
  public struct DeliverySection: Sendable {
    /// `exactlyOnce` or `atLeastOnce`.
    public var guarantee = WorkerSetup.DeliveryGuarantee.exactlyOnce
  }

  /// How long outcomes answer duplicates.
  public struct DedupSection: Sendable {
    /// After an acceptance; 24 hours by default.
    public var acceptedWindow = Duration.seconds(86_400)
    /// After a rejection; 5 seconds by default.
    public var rejectedWindow = Duration.seconds(5)
  }

  /// How the API is reached.
  public struct APISection: Sendable {
    /// Scheme, host and port.
    public var baseURL = "https://public-api.etoro.com"
    /// The longest a call may take; 5 seconds by default.
    public var timeout = Duration.seconds(5)
    /// Calls in flight at once, and connections where HTTP/2 is not offered; 64 by default.
    public var connections = 64
    /// The cancel path of real accounts, with `{orderId}`; the contract's by default.
    public var realPath: String?
    /// The cancel path of demo accounts.
    public var demoPath: String?
    /// The path that lists a real account's orders; the contract's by default.
    public var realPortfolioPath: String?
    /// The path that lists a demo account's orders.
    public var demoPortfolioPath: String?
    /// The path that looks up a real account's order, with `{orderId}`.
    public var realLookupPath: String?
    /// The path that looks up a demo account's order.
    public var demoLookupPath: String?
    /// Whether a plain `http://` base URL may name another machine; `false` by default.
    public var allowPlaintext = false
    /// A PEM file of the only authorities to trust; the system's by default.
    public var caFile: String?
    /// A PEM file with the client's certificate, where the API's gateway demands one.
    public var clientCertificate: String?
    /// A PEM file with its private key; the certificate's file by default.
    public var clientKey: String?
    /// The proxy that makes tunnels to the API, from `api.proxy` and `api.proxyCredentials`, or `HTTPS_PROXY`.
    package var proxy: HTTPProxy?
  }

  /// Where the accounts come from.
  public struct AccountsSection: Sendable {
    /// The accounts file; without one the one account comes from the environment.
    public var file: String?
    /// The account of requests that name none; `default` by default.
    public var defaultAccount = "default"
  }

  /// The calls that the API allows.
  public struct QuotaSection: Sendable {
    /// Calls in a window per user key; 20 by default, 0 for no local quota.
    public var calls = 20
    /// The rolling window; 60 seconds by default.
    public var window = Duration.seconds(60)
    /// Calls of the window that routine requests leave to kill-switches; 5 by default.
    public var reservedForKillSwitch = 5
    /// Whether the API's headers may raise the number of calls; false by default, so that they only lower it.
    public var trustHeaders = false
    /// How a user key goes on after a crash of the worker that called for it; `probe` by default.
    public var afterTakeover = CancelPolicy.Takeover.probe
    /// Lists of an account's orders in a `readWindow` per user key; 60 by default, 0 for no local quota.
    public var lists = 60
    /// Lookups of orders in a `readWindow` per user key; 60 by default, 0 for no local quota.
    public var lookups = 60
    /// The rolling window of lists, and of lookups; 60 seconds by default.
    public var readWindow = Duration.seconds(60)
  }

  /// What holds for requests that say nothing else.
  public struct RequestSection: Sendable {
    /// The deadline of routine requests after they were produced; 10 minutes by default.
    public var routineDeadline = Duration.seconds(600)
    /// The deadline of kill-switches after they were produced; 1 hour by default.
    public var killSwitchDeadline = Duration.seconds(3600)
    /// Open requests beyond which no more are read; 100,000 by default.
    public var maxPending = 100_000
    /// Headers that results repeat, besides `correlation-id` and the trace context.
    public var echoHeaders: [String] = []
    /// The largest request that is read, in bytes; 1 MiB by default.
    public var maxBytes = 1 << 20
  }

  /// Progress events.
  public struct ProgressSection: Sendable {
    /// Waits longer than this are told; 5 seconds by default, `nil` (`off`) for none.
    public var after: Duration? = .seconds(5)
  }

  /// What happens while the API refuses a key.
  public struct BreakerSection: Sendable {
    /// `failFast` or `hold`.
    public var mode = CancelPolicy.BreakerMode.failFast
  }

  /// The admin server.
  public struct AdminSection: Sendable {
    /// The address to listen on; `127.0.0.1` by default.
    public var host = "127.0.0.1"
    /// The port to listen on; 9464 by default, 0 for any free one.
    public var port = 9464
    /// Further names by which browsers may call it, `.example.com` for every name below; addresses, `localhost` and
    /// names without a dot need no mention.
    public var allowedHosts: [String] = []
  }

  /// The log.
  public struct LogSection: Sendable {
    /// Text from `info` on.
    public init() {}

    /// `trace`, `debug`, `info`, `notice`, `warning`, `error` or `critical`; `info` by default.
    public var level = "info"
    /// `text` or `json`.
    public var format = "text"
  }

  /// The graceful stop.
  public struct ShutdownSection: Sendable {
    /// How long calls in flight may take to finish; 10 seconds by default.
    public var drainTimeout = Duration.seconds(10)
  }

  /// The metrics.
  public struct MetricsSection: Sendable {
    /// Whether account names may be labels; `false` by default.
    public var accountLabels = false
  }
}
