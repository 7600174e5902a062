import Instrumentation
import Synchronization
import Tracing

/// A span that has ended, with all that is exported of it.
struct EndedSpan: Sendable {
  /// Of events and of links, the most that a span keeps.
  static let mostParts = 128

  struct Link: Sendable {
    var identity: SpanIdentity
    var attributes: SpanAttributes
  }

  let identity: SpanIdentity
  let parent: SpanIdentity?
  let kind: SpanKind
  /// In nanoseconds since the Unix epoch.
  let start: UInt64
  var name: String
  /// In nanoseconds since the Unix epoch; never before the start.
  var end: UInt64
  var attributes: SpanAttributes = [:]
  var events: [SpanEvent] = []
  var droppedEvents = 0
  var links: [Link] = []
  var droppedLinks = 0
  var status: SpanStatus?

  init(
    identity: SpanIdentity, parent: SpanIdentity? = nil, kind: SpanKind = .internal, name: String, start: UInt64
  ) {
    self.identity = identity
    self.parent = parent
    self.kind = kind
    self.name = name
    self.start = start
    self.end = start
  }
}

/// A span that is exported when it ends; one that is not sampled keeps nothing but its identity.
final class ExportedSpan: Tracing.Span {
  let context: InstrumentationContext
  /// `nil` where the span is not sampled, and once it has ended.
  private let recorded: Mutex<EndedSpan?>
  private let onEnd: @Sendable (EndedSpan) -> Void

  init(_ context: InstrumentationContext, recorded: EndedSpan?, onEnd: @escaping @Sendable (EndedSpan) -> Void) {
    self.context = context
    self.recorded = Mutex(recorded)
    self.onEnd = onEnd
  }

  var isRecording: Bool { recorded.withLock { $0 != nil } }

  var operationName: String {
    get { recorded.withLock { $0?.name ?? "" } }
    set { recorded.withLock { $0?.name = newValue } }
  }

  var attributes: SpanAttributes {
    get { recorded.withLock { $0?.attributes ?? [:] } }
    set { recorded.withLock { $0?.attributes = newValue } }
  }

  func setStatus(_ status: SpanStatus) {
    recorded.withLock { $0?.status = status }
  }

  func addEvent(_ event: SpanEvent) {
    recorded.withLock { recorded in
      guard let count = recorded?.events.count else { return }
      if count < EndedSpan.mostParts { recorded?.events.append(event) } else { recorded?.droppedEvents += 1 }
    }
  }

  /// Adds an event with the error's type: its text may hold what is not for traces.
  func recordError<Instant: TracerInstant>(
    _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
  ) {
    guard isRecording else { return }
    var attributes = attributes
    attributes["exception.type"] = String(describing: type(of: error))
    addEvent(SpanEvent(name: "exception", at: instant(), attributes: attributes))
  }

  func addLink(_ link: SpanLink) {
    guard let identity = link.context.spanIdentity else { return }
    recorded.withLock { recorded in
      guard let count = recorded?.links.count else { return }
      if count < EndedSpan.mostParts {
        recorded?.links.append(EndedSpan.Link(identity: identity, attributes: link.attributes))
      } else {
        recorded?.droppedLinks += 1
      }
    }
  }

  func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
    let ended = recorded.withLock { recorded in
      defer { recorded = nil }
      return recorded
    }
    guard var ended else { return }
    ended.end = max(ended.start, instant().nanosecondsSinceEpoch)
    onEnd(ended)
  }
}

/// A trace's id: 16 bytes, not all 0.
struct TraceID: Hashable, Sendable {
  let high: UInt64
  let low: UInt64

  /// 32 hexadecimal digits in lower case.
  var hexadecimal: String { high.hexadecimal + low.hexadecimal }

  /// The bytes, the first one first.
  var bytes: [UInt8] { high.bigEndianBytes + low.bigEndianBytes }
}

/// A span's id: 8 bytes, not all 0.
struct SpanID: Hashable, Sendable {
  let value: UInt64

  /// 16 hexadecimal digits in lower case.
  var hexadecimal: String { value.hexadecimal }

  /// The bytes, the first one first.
  var bytes: [UInt8] { value.bigEndianBytes }
}

/// What of a span others need to know: to be its children, to link to it.
struct SpanIdentity: Hashable, Sendable {
  let trace: TraceID
  let span: SpanID
  /// Whether the trace is recorded.
  let isSampled: Bool
  /// The vendors' state (`tracestate`), passed on as it came.
  var state: String?
  /// Whether it came from another process.
  var isRemote = false
}

extension SpanIdentity {
  /// The span that a record's or request's `traceparent` names.
  init?(_ context: W3CTraceContext) {
    let digits = context.traceID
    guard let high = UInt64(digits.prefix(16), radix: 16), let low = UInt64(digits.suffix(16), radix: 16),
      let span = UInt64(context.parentID, radix: 16)
    else { return nil }
    self.init(
      trace: TraceID(high: high, low: low), span: SpanID(value: span), isSampled: context.isSampled,
      state: context.state, isRemote: true)
  }

  /// The `traceparent` header.
  var traceparent: String { "00-\(trace.hexadecimal)-\(span.hexadecimal)-\(isSampled ? "01" : "00")" }
}

private enum SpanIdentityKey: InstrumentationContextKey {
  typealias Value = SpanIdentity
  static var nameOverride: String? { "span-identity" }
}

extension InstrumentationContext {
  /// The span that this context is of, or whose children its spans are.
  var spanIdentity: SpanIdentity? {
    get { self[SpanIdentityKey.self] }
    set { self[SpanIdentityKey.self] = newValue }
  }
}

extension UInt64 {
  fileprivate var hexadecimal: String {
    let digits = String(self, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }

  fileprivate var bigEndianBytes: [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: self >> (56 - 8 * $0)) }
  }
}
