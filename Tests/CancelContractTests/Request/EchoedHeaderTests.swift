import CancelContract
import Testing

struct EchoedHeaderTests {
  private func echoed(_ headers: [RecordHeader]) throws -> [RecordHeader] {
    try RequestFixture(headers: headers).received(Array(#"{"orderId":1}"#.utf8)).echoedHeaders
  }

  @Test func `repeats the named headers as they came, in their order`() throws {
    let headers = [
      RecordHeader("Correlation-Id", "a"), RecordHeader("other", "b"), RecordHeader("x-desk", "c"),
      RecordHeader("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
      RecordHeader("tracestate", "k=v"), RecordHeader("correlation-id", "d"), RecordHeader(name: "X-DESK", value: nil),
    ]
    #expect(try echoed(headers) == headers.filter { $0.name != "other" })
  }

  @Test func `values are bytes`() throws {
    let headers = [
      RecordHeader(name: "correlation-id", value: [0xFF, 0x00, 0x0D, 0x0A, 0x80]),
      RecordHeader(name: "x-desk", value: []),
    ]
    #expect(try echoed(headers) == headers)
  }

  @Test func `what is too large or too much is left out`() throws {
    let fits = RecordHeader(name: "x-desk", value: Array(repeating: 1, count: 4096))
    let tooLarge = RecordHeader(name: "x-desk", value: Array(repeating: 1, count: 4097))
    #expect(try echoed([tooLarge, fits]) == [fits])
    let many = (0..<1000).map { RecordHeader("x-desk", String($0)) }
    #expect(try echoed(many) == Array(many.prefix(32)))
  }

  @Test func `strange names harm nothing`() throws {
    let names = ["", "\u{0}", "ce_", "é", "\u{FFFD}", String(repeating: "n", count: 100_000), "content-typ\u{212A}"]
    #expect(try echoed(names.map { RecordHeader($0, "v") }) == [])
  }

  @Test func `headers of an unreadable request are repeated too`() throws {
    let header = RecordHeader("correlation-id", "a")
    let refusal = try RequestFixture(headers: [header]).refusal("{")
    #expect(refusal.result(answeredAt: RequestFixture.receivedAt).echoedHeaders == [header])
  }
}
