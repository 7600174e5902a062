import CancelAPI
import HTTPTransport

/// Where spans are exported to, and how: what OpenTelemetry's standard variables say.
package struct TraceExport: Sendable {
  /// How spans are written.
  enum Encoding: String, CaseIterable, Sendable {
    case json = "http/json"
    case protobuf = "http/protobuf"

    /// The media type of requests and answers.
    var mediaType: String {
      switch self {
      case .json: "application/json"
      case .protobuf: "application/x-protobuf"
      }
    }
  }

  /// When spans are sent (OpenTelemetry's batch span processor).
  struct Batching: Hashable, Sendable {
    /// The most spans that wait.
    var maxQueue = 2048
    /// The most spans of one request.
    var maxBatch = 512
    /// How long a span waits for others; 5 seconds by default.
    var delay = Duration.seconds(5)
    /// How long a batch may take with all of its tries; 30 seconds by default.
    var timeout = Duration.seconds(30)
  }

  /// The collector.
  var origin: HTTPOrigin
  /// The path there, with its query.
  var path: String
  /// How spans are written.
  var encoding = Encoding.json
  /// Whether requests are compressed with gzip.
  var isCompressed = false
  /// Further headers, which are secrets.
  var headers = SecretHeaders([])
  /// Whose certificates are trusted.
  var tls = TLSSettings()
  /// The proxy that leads there.
  var proxy: HTTPProxy?
  /// How long one request may take; 10 seconds by default.
  var timeout = Duration.seconds(10)
  /// When spans are sent.
  var batching = Batching()
  /// Which traces are recorded.
  var sampler = TraceSampler()
  /// What the spans' process is called, and further attributes of it, in the order of their names.
  var resource: [(key: String, value: String)] = []

  /// Where spans go, for people: without the query, which may have a key in it.
  package var target: String {
    let path = path.prefix { $0 != "?" }
    return "\(origin.isEncrypted ? "https" : "http")://\(origin.authority)\(path) (\(encoding.rawValue))"
  }

  /// How the collector is reached: by one connection, which is made when there is something to send.
  var transport: HTTPTransportConfiguration {
    var transport = HTTPTransportConfiguration(origin: origin)
    transport.tls = tls
    transport.proxy = proxy
    transport.offersHTTP2 = false
    transport.timeout = timeout
    transport.waitTimeout = timeout
    transport.connections = 1
    transport.warmConnections = 0
    return transport
  }

  /// The resource's attributes with those that the process itself knows; what the variables say goes before.
  func resource(version: String, instance: String) -> [(key: String, value: String)] {
    let own = [
      ("service.name", "cancel-worker"), ("service.version", version), ("service.instance.id", instance),
      ("telemetry.sdk.name", "cancel-worker"), ("telemetry.sdk.language", "swift"), ("telemetry.sdk.version", version),
    ]
    let configured = Set(resource.map(\.key))
    return (resource + own.filter { !configured.contains($0.0) }.map { (key: $0.0, value: $0.1) })
      .sorted { $0.key < $1.key }
  }
}

/// Headers whose values are secrets: it prints and reflects as `<redacted>`, with the names.
struct SecretHeaders: Sendable, Equatable {
  private let fields: [(name: String, value: Secret)]

  /// These headers, names in lower case.
  init(_ fields: [(name: String, value: Secret)]) {
    self.fields = fields
  }

  static func == (left: SecretHeaders, right: SecretHeaders) -> Bool {
    left.fields.elementsEqual(right.fields) { $0 == $1 }
  }

  var isEmpty: Bool { fields.isEmpty }

  /// For a request's head, and nothing else.
  var forRequests: HTTPSecretHeaders { HTTPSecretHeaders(fields.map { ($0.name, $0.value.reveal()) }) }

  /// Whether one of the values stands in `text`.
  func occur(in text: String) -> Bool {
    fields.contains { field in
      let value = field.value.reveal()
      // of `Bearer token`, the token alone would be enough
      return !value.isEmpty
        && (text.contains(value)
          || value.split(separator: " ").contains { word in
            word.utf8.count >= 8 && text.contains(word)
          })
    }
  }
}

extension SecretHeaders: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The names, each with `<redacted>`.
  var description: String { fields.map { "\($0.name): \($0.value)" }.joined(separator: ", ") }

  /// The same as ``description``.
  var debugDescription: String { description }

  /// A mirror without children, so that `dump` finds nothing.
  var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
