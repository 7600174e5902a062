import CancelContract
import Instrumentation

/// The trace that a record belongs to, as its `traceparent` and `tracestate` headers tell (W3C Trace Context).
public struct W3CTraceContext: Hashable, Sendable {
  /// The trace's id: 32 hexadecimal digits, not all 0.
  public let traceID: String
  /// The id of the span that is the parent: 16 hexadecimal digits, not all 0.
  public let parentID: String
  /// The flags that are known: the lowest bit says that the trace is recorded.
  public let flags: UInt8
  /// The vendors' state, as it came; `nil` where there was none, or none that may be passed on.
  public let state: String?

  /// Whether the sender records this trace.
  public var isSampled: Bool { flags & 1 == 1 }

  /// The `traceparent` header.
  public var traceparent: String {
    let digits = String(flags, radix: 16)
    return "00-\(traceID)-\(parentID)-\(digits.utf8.count == 1 ? "0" : "")\(digits)"
  }

  /// Reads the headers' values; `nil` unless `traceparent` is well-formed: such a header counts as none.
  ///
  /// A version later than 00 is read by the rules of 00, and may have more behind them.
  public init?(traceparent: [UInt8], tracestate: [UInt8]? = nil) {
    let bytes = traceparent.prefix(512)
    let dash = UInt8(ascii: "-")
    guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
      let version = Self.byte(bytes[0], bytes[1]), version != 0xFF,
      bytes.count == 55 || (version > 0 && bytes[55] == dash),
      let traceID = Self.id(bytes[3..<35]), let parentID = Self.id(bytes[36..<52]),
      let flags = Self.byte(bytes[53], bytes[54])
    else { return nil }
    self.traceID = traceID
    self.parentID = parentID
    self.flags = flags & 1
    self.state = tracestate.flatMap { Self.state($0) }
  }

  private static func id(_ digits: ArraySlice<UInt8>) -> String? {
    guard digits.allSatisfy({ digit($0) != nil }), digits.contains(where: { $0 != UInt8(ascii: "0") }) else {
      return nil
    }
    return String(decoding: digits, as: UTF8.self)
  }

  private static func byte(_ high: UInt8, _ low: UInt8) -> UInt8? {
    guard let high = digit(high), let low = digit(low) else { return nil }
    return high << 4 | low
  }

  /// Capital letters are not allowed.
  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }

  /// Up to 32 members and 512 bytes of printable ASCII, each `key=value`.
  private static func state(_ bytes: [UInt8]) -> String? {
    guard (1...512).contains(bytes.count), bytes.allSatisfy({ (0x20...0x7E).contains($0) }) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    let members = text.split(separator: ",").filter { $0.contains { $0 != " " } }
    guard (1...32).contains(members.count), members.allSatisfy({ $0.contains("=") && !$0.hasPrefix("=") }) else {
      return nil
    }
    return text
  }
}

extension W3CTraceContext {
  /// The context that a record's headers carry; `nil` where they carry none.
  public init?(headers: [RecordHeader]) {
    guard let parent = headers.first(where: { $0.name == TraceHeader.parent })?.value else { return nil }
    self.init(traceparent: parent, tracestate: headers.first { $0.name == TraceHeader.state }?.value)
  }
}

/// The names of the headers that carry a trace context.
enum TraceHeader {
  static let parent = "traceparent"
  static let state = "tracestate"
}

/// Hands a tracer what it may read of a record: the trace context, where it is well-formed.
struct TraceHeaderExtractor: Extractor {
  func extract(key: String, from headers: [RecordHeader]) -> String? {
    guard let context = W3CTraceContext(headers: headers) else { return nil }
    switch key {
    case TraceHeader.parent: return context.traceparent
    case TraceHeader.state: return context.state
    default: return nil
    }
  }
}

/// Takes what a tracer writes of a trace context, and nothing else.
struct TraceHeaderInjector: Injector {
  func inject(_ value: String, forKey key: String, into headers: inout [RecordHeader]) {
    guard key == TraceHeader.parent || key == TraceHeader.state else { return }
    headers.append(RecordHeader(key, value))
  }
}

private enum W3CTraceContextKey: InstrumentationContextKey {
  typealias Value = W3CTraceContext
  static var nameOverride: String? { "w3c-trace-context" }
}

extension InstrumentationContext {
  /// The trace context with which a record came, for tracers and log handlers that look for it.
  public var w3cTraceContext: W3CTraceContext? {
    get { self[W3CTraceContextKey.self] }
    set { self[W3CTraceContextKey.self] = newValue }
  }
}
