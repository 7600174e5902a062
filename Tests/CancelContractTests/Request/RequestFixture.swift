import CancelContract
import Testing

/// Decodes one record at fixed coordinates.
struct RequestFixture {
  static let source = SourceCoordinates(topic: "order-cancel.requests", partition: 3, offset: 42)
  static let producedAt = Timestamp(milliseconds: 1_785_402_900_250)
  static let receivedAt = Timestamp(microseconds: 1_785_402_900_251_500)

  var decoder = RequestDecoder(echoedHeaderNames: ["X-Desk"], maximumBytes: 128 * 1024)
  var headers: [RecordHeader] = []

  func decode(_ value: [UInt8]?) -> Result<IncomingRequest, UnreadableRequest> {
    decoder.decode(
      value: value,
      key: Array("k".utf8),
      headers: headers,
      source: Self.source,
      producedAt: Self.producedAt,
      receivedAt: Self.receivedAt
    )
  }

  /// One order's request.
  func received(_ value: [UInt8]?) throws -> ReceivedRequest {
    guard case .cancel(let received) = try decode(value).get() else { throw ReadAsTheOtherKind() }
    return received
  }

  func request(_ text: String) throws -> CancelRequest { try received(Array(text.utf8)).request }

  func sweep(_ text: String) throws -> SweepRequest {
    guard case .sweep(let received) = try decode(Array(text.utf8)).get() else { throw ReadAsTheOtherKind() }
    return received.request
  }

  func refusal(_ value: [UInt8]?) throws -> UnreadableRequest {
    try #require(throws: UnreadableRequest.self) { try decode(value).get() }
  }

  func refusal(_ text: String) throws -> UnreadableRequest { try refusal(Array(text.utf8)) }
}

extension RequestFixture {
  /// A fixture whose records have these headers.
  static func with(_ headers: (String, String)...) -> RequestFixture {
    RequestFixture(headers: headers.map { RecordHeader($0.0, $0.1) })
  }

  /// The headers that CloudEvents' binary mode requires.
  static let binary = with(
    ("ce_specversion", "1.0"),
    ("ce_id", "event-1"),
    ("ce_source", "/risk"),
    ("ce_type", "risk.cancel.v7"),
    ("content-type", "application/json")
  )

  static let structured = with(("content-type", "application/cloudevents+json; charset=utf-8"))
}

/// A sweep was read as one order's request, or the other way round.
struct ReadAsTheOtherKind: Error {}
