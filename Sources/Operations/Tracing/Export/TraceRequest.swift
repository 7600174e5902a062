import CancelContract
import Tracing

/// What one export sends: the spans, who made them, and by what (OTLP's `ExportTraceServiceRequest`).
struct TraceRequest: Sendable {
  /// Of attributes, the most that a span, an event or a link is sent with.
  static let mostAttributes = 128
  /// What the spans are made by (OTLP's `InstrumentationScope`).
  static let scopeName = "cancel-worker"

  /// The attributes of the process.
  let resource: [(key: String, value: String)]
  /// The worker's version.
  let version: String
  let spans: [EndedSpan]

  /// An attribute's value, as OTLP has them.
  enum Value: Hashable, Sendable {
    case text(String)
    case boolean(Bool)
    case integer(Int64)
    case double(Double)
    case list([Value])

    init?(_ attribute: SpanAttribute) {
      switch attribute {
      case .string(let value): self = .text(value)
      case .bool(let value): self = .boolean(value)
      case .int32(let value): self = .integer(Int64(value))
      case .int64(let value): self = .integer(value)
      case .double(let value): self = .double(value)
      case .stringConvertible(let value): self = .text(value.description)
      case .stringArray(let values): self = .list(values.map { .text($0) })
      case .boolArray(let values): self = .list(values.map { .boolean($0) })
      case .int32Array(let values): self = .list(values.map { .integer(Int64($0)) })
      case .int64Array(let values): self = .list(values.map { .integer($0) })
      case .doubleArray(let values): self = .list(values.map { .double($0) })
      case .stringConvertibleArray(let values): self = .list(values.map { .text($0.description) })
      default: return nil
      }
    }
  }

  /// Attributes in the order of their names, and how many of them are left out.
  static func listed(_ attributes: SpanAttributes) -> (kept: [(key: String, value: Value)], dropped: Int) {
    var all: [(key: String, value: Value)] = []
    all.reserveCapacity(attributes.count)
    attributes.forEach { key, attribute in
      if let value = Value(attribute) { all.append((key, value)) }
    }
    all.sort { $0.key < $1.key }
    return (Array(all.prefix(mostAttributes)), max(0, all.count - mostAttributes))
  }
}

extension SpanKind {
  /// OTLP's number.
  var number: Int64 {
    switch self {
    case .internal: 1
    case .server: 2
    case .client: 3
    case .producer: 4
    case .consumer: 5
    }
  }
}

extension SpanStatus.Code {
  /// OTLP's number.
  var number: Int64 {
    switch self {
    case .ok: 1
    case .error: 2
    }
  }
}

extension EndedSpan {
  /// OTLP's flags of a span: those of its trace, and whether its parent is of another process.
  var flags: UInt32 { identity.traceFlags | SpanIdentity.remoteness(parent?.isRemote ?? false) }
}

extension EndedSpan.Link {
  /// OTLP's flags of a link: those of the other's trace, and whether it is of another process.
  var flags: UInt32 { identity.traceFlags | SpanIdentity.remoteness(identity.isRemote) }
}

extension SpanIdentity {
  fileprivate var traceFlags: UInt32 { isSampled ? 1 : 0 }

  /// The bit that says whether it is known, and the one that says so.
  fileprivate static func remoteness(_ isRemote: Bool) -> UInt32 { isRemote ? 0x300 : 0x100 }
}

extension TraceRequest {
  /// The request as OTLP/JSON: ids as hexadecimal digits, integers of 64 bits as strings, enumerations as numbers. What
  /// has no value, or the one that is usual, is left out.
  func json() -> [UInt8] {
    var writer = JSONWriter(capacity: 512 + spans.count * 1024)
    writer.beginObject()
    writer.name("resourceSpans")
    writer.beginArray()
    writer.beginObject()
    writer.name("resource")
    writer.beginObject()
    writer.attributes(resource.map { ($0.key, .text($0.value)) })
    writer.endObject()
    writer.name("scopeSpans")
    writer.beginArray()
    writer.beginObject()
    writer.name("scope")
    writer.beginObject()
    writer.member("name", Self.scopeName)
    writer.member("version", version)
    writer.endObject()
    writer.name("spans")
    writer.beginArray()
    for span in spans { writer.span(span) }
    writer.endArray()
    writer.endObject()
    writer.endArray()
    writer.endObject()
    writer.endArray()
    writer.endObject()
    return writer.bytes
  }
}

extension JSONWriter {
  fileprivate mutating func span(_ span: EndedSpan) {
    beginObject()
    identity(span.identity)
    if let parent = span.parent { member("parentSpanId", parent.span.hexadecimal) }
    member("flags", Int64(span.flags))
    member("name", span.name)
    member("kind", span.kind.number)
    nanoseconds("startTimeUnixNano", span.start)
    nanoseconds("endTimeUnixNano", span.end)
    attributes(span.attributes)
    if !span.events.isEmpty {
      name("events")
      beginArray()
      for event in span.events {
        beginObject()
        nanoseconds("timeUnixNano", event.nanosecondsSinceEpoch)
        member("name", event.name)
        attributes(event.attributes)
        endObject()
      }
      endArray()
    }
    if span.droppedEvents > 0 { member("droppedEventsCount", Int64(span.droppedEvents)) }
    if !span.links.isEmpty {
      name("links")
      beginArray()
      for link in span.links {
        beginObject()
        identity(link.identity)
        member("flags", Int64(link.flags))
        attributes(link.attributes)
        endObject()
      }
      endArray()
    }
    if span.droppedLinks > 0 { member("droppedLinksCount", Int64(span.droppedLinks)) }
    if let status = span.status {
      name("status")
      beginObject()
      member("code", status.code.number)
      if let message = status.message { member("message", message) }
      endObject()
    }
    endObject()
  }

  private mutating func identity(_ identity: SpanIdentity) {
    member("traceId", identity.trace.hexadecimal)
    member("spanId", identity.span.hexadecimal)
    if let state = identity.state { member("traceState", state) }
  }

  private mutating func nanoseconds(_ name: StaticString, _ value: UInt64) {
    member(name, String(value))
  }

  private mutating func attributes(_ attributes: SpanAttributes) {
    guard !attributes.isEmpty else { return }
    let (kept, dropped) = TraceRequest.listed(attributes)
    self.attributes(kept)
    if dropped > 0 { member("droppedAttributesCount", Int64(dropped)) }
  }

  fileprivate mutating func attributes(_ attributes: [(key: String, value: TraceRequest.Value)]) {
    name("attributes")
    beginArray()
    for (key, value) in attributes {
      beginObject()
      member("key", key)
      name("value")
      self.value(value)
      endObject()
    }
    endArray()
  }

  private mutating func value(_ value: TraceRequest.Value) {
    beginObject()
    switch value {
    case .text(let text): member("stringValue", text)
    case .boolean(let truth):
      name("boolValue")
      boolean(truth)
    case .integer(let number): member("intValue", String(number))
    case .double(let number):
      name("doubleValue")
      double(number)
    case .list(let values):
      name("arrayValue")
      beginObject()
      name("values")
      beginArray()
      for value in values { self.value(value) }
      endArray()
      endObject()
    }
    endObject()
  }

  /// Numbers that JSON does not have are written as protobuf's JSON does.
  private mutating func double(_ number: Double) {
    if number.isFinite {
      json(JSONText(wellFormed: Array("\(number)".utf8)))
    } else {
      string(number.isNaN ? "NaN" : number > 0 ? "Infinity" : "-Infinity")
    }
  }
}
