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
