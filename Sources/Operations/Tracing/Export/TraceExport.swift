import CancelAPI
import CancelContract
import HTTPTransport
import NIOCore

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

extension ExportSchedule.Answer {
  /// What an answer of a collector means, as the specification of OTLP over HTTP has it.
  ///
  /// - Parameter now: in seconds since the Unix epoch, for a `Retry-After` that is a date.
  init(_ response: HTTPResponse, _ encoding: TraceExport.Encoding, now: Int64) {
    switch response.status {
    case 200..<300:
      let (rejected, why) = PartialSuccess.read(Array(response.body.readableBytesView), encoding)
      self = .taken(rejected: rejected, why: why)
    case 429, 502, 503, 504:
      self = .failed(why: "the collector answered \(response.status)", retryAfter: Self.retryAfter(response, now: now))
    case 300..<400:
      self = .refused(why: "the collector answered \(response.status), and redirects are not followed")
    default:
      self = .refused(why: "the collector answered \(response.status)")
    }
  }

  /// `Retry-After`: a number of seconds, or a date.
  private static func retryAfter(_ response: HTTPResponse, now: Int64) -> TimeAmount? {
    var found: TimeAmount?
    response.forEachHeader { name, value in
      guard name.lowercased() == "retry-after" else { return }
      if let seconds = Int64(value), seconds >= 0 {
        found = .seconds(min(seconds, 86_400))
      } else if let date = HTTPDate.seconds(value) {
        found = .seconds(min(max(date - now, 0), 86_400))
      }
    }
    return found
  }
}

/// What a collector says of a request that it took only a part of (OTLP's `ExportTracePartialSuccess`).
enum PartialSuccess {
  /// How many spans were rejected, and why; none where the body says nothing that can be read.
  static func read(_ body: [UInt8], _ encoding: TraceExport.Encoding) -> (rejected: Int, why: String) {
    let found: (rejected: Int, why: String?)
    switch encoding {
    case .json: found = json(body)
    case .protobuf: found = protobuf(body)
    }
    return (max(0, found.rejected), BoundedText.of(found.why ?? "the collector does not say why", limit: 300))
  }

  private static func json(_ body: [UInt8]) -> (Int, String?) {
    guard let partial = (try? JSONValue(body))?["partialSuccess"] else { return (0, nil) }
    let rejected: Int? =
      switch partial["rejectedSpans"] {
      case .string(let digits), .number(let digits): Int(digits)
      default: nil
      }
    guard case .string(let why)? = partial["errorMessage"], !why.isEmpty else { return (rejected ?? 0, nil) }
    return (rejected ?? 0, why)
  }

  private static func protobuf(_ body: [UInt8]) -> (Int, String?) {
    guard case .bytes(let inner)? = ProtobufReader.fields(body)?[1], let partial = ProtobufReader.fields(inner) else {
      return (0, nil)
    }
    var rejected = 0
    if case .varint(let count)? = partial[1] { rejected = Int(truncatingIfNeeded: count) }
    guard case .bytes(let why)? = partial[2], !why.isEmpty else { return (rejected, nil) }
    return (rejected, String(decoding: why, as: UTF8.self))
  }
}
