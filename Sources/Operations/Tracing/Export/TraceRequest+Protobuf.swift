import Tracing

extension TraceRequest {
  /// The request as protobuf: the fields of `opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest`.
  func protobuf() -> [UInt8] {
    var request = ProtobufWriter()
    request.message(1) { resourceSpans in
      resourceSpans.message(1) { resource in
        resource.attributes(1, self.resource.map { ($0.key, .text($0.value)) })
      }
      resourceSpans.message(2) { scopeSpans in
        scopeSpans.message(1) { scope in
          scope.text(1, Self.scopeName)
          scope.text(2, version)
        }
        for span in spans { scopeSpans.message(2) { $0.span(span) } }
      }
    }
    return request.bytes
  }
}

extension ProtobufWriter {
  fileprivate mutating func span(_ span: EndedSpan) {
    bytes(1, span.identity.trace.bytes)
    bytes(2, span.identity.span.bytes)
    if let state = span.identity.state { text(3, state) }
    if let parent = span.parent { bytes(4, parent.span.bytes) }
    text(5, span.name)
    varint(6, span.kind.number)
    fixed64(7, span.start)
    fixed64(8, span.end)
    attributes(9, dropped: 10, span.attributes)
    for event in span.events {
      message(11) { inner in
        inner.fixed64(1, event.nanosecondsSinceEpoch)
        inner.text(2, event.name)
        inner.attributes(3, dropped: 4, event.attributes)
      }
    }
    if span.droppedEvents > 0 { varint(12, Int64(span.droppedEvents)) }
    for link in span.links {
      message(13) { inner in
        inner.bytes(1, link.identity.trace.bytes)
        inner.bytes(2, link.identity.span.bytes)
        if let state = link.identity.state { inner.text(3, state) }
        inner.attributes(4, dropped: 5, link.attributes)
        inner.fixed32(6, link.flags)
      }
    }
    if span.droppedLinks > 0 { varint(14, Int64(span.droppedLinks)) }
    if let status = span.status {
      message(15) { inner in
        if let message = status.message { inner.text(2, message) }
        inner.varint(3, status.code.number)
      }
    }
    fixed32(16, span.flags)
  }

  private mutating func attributes(_ field: UInt64, dropped: UInt64, _ attributes: SpanAttributes) {
    guard !attributes.isEmpty else { return }
    let listed = TraceRequest.listed(attributes)
    self.attributes(field, listed.kept)
    if listed.dropped > 0 { varint(dropped, Int64(listed.dropped)) }
  }

  fileprivate mutating func attributes(_ field: UInt64, _ attributes: [(key: String, value: TraceRequest.Value)]) {
    for (key, value) in attributes {
      message(field) { pair in
        pair.text(1, key)
        pair.message(2) { $0.value(value) }
      }
    }
  }

  private mutating func value(_ value: TraceRequest.Value) {
    switch value {
    case .text(let text): self.text(1, text)
    case .boolean(let truth): varint(2, truth ? 1 : 0)
    case .integer(let number): varint(3, number)
    case .double(let number): fixed64(4, number.bitPattern)
    case .list(let values):
      message(5) { list in
        for value in values { list.message(1) { $0.value(value) } }
      }
    }
  }
}

/// Writes a protobuf message, field by field: the wire format's four forms, and no more than OTLP needs of them.
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  private enum WireType: UInt64 {
    case varint = 0
    case fixed64 = 1
    case lengthDelimited = 2
    case fixed32 = 5
  }

  /// Writes an integer, an enumeration or a truth value.
  mutating func varint(_ field: UInt64, _ value: Int64) {
    tag(field, .varint)
    append(UInt64(bitPattern: value))
  }

  mutating func fixed64(_ field: UInt64, _ value: UInt64) {
    tag(field, .fixed64)
    for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  mutating func fixed32(_ field: UInt64, _ value: UInt32) {
    tag(field, .fixed32)
    for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  mutating func bytes(_ field: UInt64, _ value: some Collection<UInt8>) {
    tag(field, .lengthDelimited)
    append(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  mutating func text(_ field: UInt64, _ value: String) {
    bytes(field, value.utf8)
  }

  /// Writes a message within this one.
  mutating func message(_ field: UInt64, _ write: (inout ProtobufWriter) -> Void) {
    var inner = ProtobufWriter()
    write(&inner)
    bytes(field, inner.bytes)
  }

  private mutating func tag(_ field: UInt64, _ type: WireType) {
    append(field << 3 | type.rawValue)
  }

  private mutating func append(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

/// Reads the fields of one protobuf message: integers and what has a length; all else is passed over.
struct ProtobufReader {
  enum Field: Equatable {
    case varint(UInt64)
    case bytes([UInt8])
  }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) {
    rest = bytes[...]
  }

  /// The last field of each number; `nil` where the bytes are no message.
  static func fields(_ bytes: [UInt8]) -> [UInt64: Field]? {
    var reader = ProtobufReader(bytes)
    var fields: [UInt64: Field] = [:]
    while !reader.rest.isEmpty {
      guard let tag = reader.varint() else { return nil }
      switch tag & 7 {
      case 0:
        guard let value = reader.varint() else { return nil }
        fields[tag >> 3] = .varint(value)
      case 1: guard reader.take(8) != nil else { return nil }
      case 2:
        guard let length = reader.varint(), let count = Int(exactly: length), let value = reader.take(count) else {
          return nil
        }
        fields[tag >> 3] = .bytes(Array(value))
      case 5: guard reader.take(4) != nil else { return nil }
      default: return nil
      }
    }
    return fields
  }

  private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard rest.count >= count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    return nil
  }
}
