import Instrumentation

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
