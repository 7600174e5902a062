import CancelContract
import Testing
import Tracing

@testable import Operations

/// The spans' two encodings, byte for byte.
@Suite struct TraceRequestTests {
  static let trace = TraceID(high: 0x4bf9_2f35_77b3_4da6, low: 0xa3ce_929d_0e0e_4736)

  /// A span with one of everything.
  static func span() -> EndedSpan {
    let identity = SpanIdentity(trace: trace, span: SpanID(value: 0x0a), isSampled: true, state: "a=b")
    let parent = SpanIdentity(
      trace: trace, span: SpanID(value: 0x00f0_67aa_0ba9_02b7), isSampled: true, isRemote: true)
    var span = EndedSpan(
      identity: identity, parent: parent, kind: .client, name: "DELETE \"x\"", start: 1_700_000_000_000_000_001)
    span.end = 18_446_744_073_709_551_615
    span.attributes = [
      "a.text": "é", "b.true": .bool(true), "c.number": .int64(-9_223_372_036_854_775_808), "d.double": .double(0.5),
      "e.list": .int32Array([1, -2]), "f.nan": .double(.nan), "g.texts": .stringArray(["x"]),
    ]
    span.events = [SpanEvent(name: "lost", at: Instant(nanosecondsSinceEpoch: 7), attributes: ["k": 1])]
    span.droppedEvents = 3
    span.links = [
      EndedSpan.Link(
        identity: SpanIdentity(trace: TraceID(high: 0, low: 1), span: SpanID(value: 2), isSampled: false),
        attributes: [:])
    ]
    span.droppedLinks = 300
    span.status = SpanStatus(code: .error, message: "no")
    return span
  }

  struct Instant: TracerInstant {
    var nanosecondsSinceEpoch: UInt64
    static func < (left: Instant, right: Instant) -> Bool {
      left.nanosecondsSinceEpoch < right.nanosecondsSinceEpoch
    }
  }

  static func request(_ spans: [EndedSpan]) -> TraceRequest {
    TraceRequest(resource: [("service.name", "w")], version: "1.2.3", spans: spans)
  }

  @Test func asJSON() {
    let attributes = #"""
      {"key":"a.text","value":{"stringValue":"é"}},{"key":"b.true","value":{"boolValue":true}},
      {"key":"c.number","value":{"intValue":"-9223372036854775808"}},{"key":"d.double","value":{"doubleValue":0.5}},
      {"key":"e.list","value":{"arrayValue":{"values":[{"intValue":"1"},{"intValue":"-2"}]}}},
      {"key":"f.nan","value":{"doubleValue":"NaN"}},
      {"key":"g.texts","value":{"arrayValue":{"values":[{"stringValue":"x"}]}}}
      """#
    let expected = #"""
      {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"w"}}]},
      "scopeSpans":[{"scope":{"name":"cancel-worker","version":"1.2.3"},"spans":[
      {"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"000000000000000a","traceState":"a=b",
      "parentSpanId":"00f067aa0ba902b7","flags":769,"name":"DELETE \"x\"","kind":3,
      "startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"18446744073709551615",
      "attributes":[ATTRIBUTES],
      "events":[{"timeUnixNano":"7","name":"lost","attributes":[{"key":"k","value":{"intValue":"1"}}]}],
      "droppedEventsCount":3,
      "links":[{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002","flags":256}],
      "droppedLinksCount":300,"status":{"code":2,"message":"no"}}]}]}]}
      """#
    #expect(
      String(decoding: Self.request([Self.span()]).json(), as: UTF8.self)
        == expected.replacing("ATTRIBUTES", with: attributes).replacing("\n", with: ""))
  }

  @Test func aPlainSpanAsJSON() {
    let identity = SpanIdentity(trace: Self.trace, span: SpanID(value: 1), isSampled: true)
    let text = String(
      decoding: Self.request([EndedSpan(identity: identity, name: "x", start: 1)]).json(), as: UTF8.self)
    #expect(
      text.contains(
        #"[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"0000000000000001","flags":257,"name":"x","kind":1,"#
          + #""startTimeUnixNano":"1","endTimeUnixNano":"1"}]"#))
  }

  @Test func asProtobuf() throws {
    let identity = SpanIdentity(trace: Self.trace, span: SpanID(value: 0x0a), isSampled: true)
    var span = EndedSpan(identity: identity, kind: .consumer, name: "x", start: 1)
    span.attributes = ["n": .int64(-1), "d": .double(1)]
    let inner: [UInt8] =
      [0x0a, 16] + Self.trace.bytes + [0x12, 8, 0, 0, 0, 0, 0, 0, 0, 0x0a] + [0x2a, 1, 0x78, 0x30, 5]
      + [0x39, 1, 0, 0, 0, 0, 0, 0, 0, 0x41, 1, 0, 0, 0, 0, 0, 0, 0]
      + [0x4a, 14, 0x0a, 1, 0x64, 0x12, 9, 0x21, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]
      + [0x4a, 16, 0x0a, 1, 0x6e, 0x12, 11, 0x18] + [UInt8](repeating: 0xff, count: 9) + [1]
      + [0x85, 1, 1, 1, 0, 0]
    let scope: [UInt8] = [0x0a, 22, 0x0a, 13] + Array("cancel-worker".utf8) + [0x12, 5] + Array("1.2.3".utf8)
    let scopeSpans = scope + [0x12, UInt8(inner.count)] + inner
    let resource: [UInt8] =
      [0x0a, 21, 0x0a, 19, 0x0a, 12] + Array("service.name".utf8) + [0x12, 3, 0x0a, 1, 0x77]
    let bytes = Self.request([span]).protobuf()
    let outer = try #require(ProtobufReader.fields(bytes)?[1])
    #expect(outer == .bytes(resource + [0x12, UInt8(scopeSpans.count)] + scopeSpans))
    // Two of them are longer than 127 bytes, and their length takes two.
    let two = Self.request([span, span]).protobuf()
    let length = scopeSpans.count + 2 + inner.count
    let scopeSpansOfTwo =
      [0x12, UInt8(length & 0x7f) | 0x80, UInt8(length >> 7)] + scopeSpans + [0x12, UInt8(inner.count)] + inner
    #expect(ProtobufReader.fields(two)?[1] == .bytes(resource + scopeSpansOfTwo))
  }

  @Test func attributesBeyondTheMostAreCounted() {
    var span = Self.span()
    span.attributes = SpanAttributes(
      Dictionary(uniqueKeysWithValues: (100..<240).map { ("k\($0)", SpanAttribute.int64(1)) }))
    let text = String(decoding: Self.request([span]).json(), as: UTF8.self)
    #expect(text.contains(#""droppedAttributesCount":12"#))
    #expect(text.contains("k227") && !text.contains("k228"))
  }

  @Test func aPartialSuccessIsRead() {
    let json = Array(#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#.utf8)
    let asJSON = PartialSuccess.read(json, .json)
    #expect(asJSON.rejected == 3 && asJSON.why == "too old")
    #expect(PartialSuccess.read(Array(#"{"partialSuccess":{"rejectedSpans":4}}"#.utf8), .json).rejected == 4)
    let protobuf: [UInt8] = [0x0a, 11, 0x08, 3, 0x12, 7] + Array("too old".utf8)
    let asProtobuf = PartialSuccess.read(protobuf, .protobuf)
    #expect(asProtobuf.rejected == 3 && asProtobuf.why == "too old")
    for body in ["", "{}", "null", "<html>", #"{"partialSuccess":{"rejectedSpans":"-4"}}"#, "\u{a}\u{ff}"] {
      #expect(PartialSuccess.read(Array(body.utf8), .json).rejected == 0)
      #expect(PartialSuccess.read(Array(body.utf8), .protobuf).rejected == 0)
    }
  }

  @Test func anyBytesAreReadOrRefused() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<5000 {
      let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      #expect(PartialSuccess.read(bytes, .protobuf).rejected >= 0)
    }
  }
}
