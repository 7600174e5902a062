import CancelContract
import Testing

struct RequestDecoderTests {
  let plain = RequestFixture()

  @Test func `the smallest request takes its id from its coordinates`() throws {
    let received = try plain.received(Array(#"{"orderId":13902598}"#.utf8))
    #expect(received.request == CancelRequest(cancelID: "order-cancel.requests/3/42", orderID: try order(13_902_598)))
    #expect(received.source == RequestFixture.source)
    #expect(received.producedAt == RequestFixture.producedAt)
    #expect(received.receivedAt == RequestFixture.receivedAt)
    #expect(received.key == Array("k".utf8))
  }

  @Test func `every member is read`() throws {
    let request = try plain.request(
      #"""
      {"cancelId":"c-1","orderId":"9223372036854775807","account":"desk-7","priority":"killSwitch","reason":"limit\nhit",
       "origin":{"system":"risk","actor":"ann","algorithm":"twap","desk":"fx","floor":3},"campaignId":"k-9",
       "decidedAt":"2026-07-30T11:15:00.25+02:00","deadline":1785402960000,
       "context":{ "a" : [1.0, {"é":"\u00e9"}] },"unknown":{"deep":[[]]}}
      """#
    )
    #expect(
      request
        == CancelRequest(
          cancelID: "c-1",
          orderID: try order(.max),
          account: "desk-7",
          priority: .killSwitch,
          deadline: Timestamp(milliseconds: 1_785_402_960_000),
          details: RequestDetails(
            reason: "limit\nhit",
            origin: .init(system: "risk", actor: "ann", algorithm: "twap", desk: "fx"),
            campaignID: "k-9",
            decidedAt: Timestamp(microseconds: 1_785_402_900_250_000),
            context: JSONText(wellFormed: Array(#"{ "a" : [1.0, {"é":"\u00e9"}] }"#.utf8))
          )
        )
    )
  }

  @Test(arguments: [
    ("13902598.0", Int64(13_902_598)), ("1.39e7", 13_900_000), ("1390E-1", 139), ("1e+3", 1000), ("0.7e1", 7),
    ("92233720368547758070e-1", .max), ("9007199254740993.000", 9_007_199_254_740_993),
    ("1e0000000000000000000018", 1_000_000_000_000_000_000),
  ])
  func `an order id is read exactly from every way to write an integer`(text: String, id: Int64) throws {
    #expect(try plain.request(#"{"orderId":\#(text)}"#).orderID == OrderID(id))
  }

  @Test(arguments: [
    [], [("content-type", "application/json")], [("content-type", "\"application/json\"")],
    [("contentType", "\"application/cloudevents+json\"")], [("Content-Type", "text/plain; charset=utf-8")],
    [("content-type", " Application/CloudEvents+JSON ;charset=\"utf-8\"")],
    [("content-type", "application/json"), ("ce_specversion", "1.0"), ("ce_id", "other")],
  ])
  func `a structured event is read whatever its content type`(headers: [(String, String)]) throws {
    var fixture = RequestFixture()
    fixture.headers = headers.map { RecordHeader($0.0, $0.1) }
    let event = #"{"specversion":"1.0","id":"e-1","source":"/s","type":"t","data":{"orderId":"7","reason":"r"}}"#
    let request = try fixture.request(event)
    #expect(request.cancelID == "e-1")
    #expect(request.orderID == OrderID(7))
    #expect(request.details.reason == "r")
  }

  @Test func `an event without data is told so, not sent to its id`() throws {
    let refusal = try plain.refusal(#"{"specversion":"1.0","id":"e-1","source":"/s","type":"t","orderid":7}"#)
    #expect(refusal.problem.problemType == .emptyValue)
    #expect(refusal.cancelID == "e-1")
  }

  @Test func `a request that has a member specversion is a request`() throws {
    #expect(try plain.request(#"{"specversion":"1.0","data":{"orderId":8},"orderId":7}"#).orderID == OrderID(7))
  }

  @Test(arguments: [
    "application/cloudevents+avro", "APPLICATION/CLOUDEVENTS-BATCH+json", "\"application/cloudevents\"",
  ])
  func `another CloudEvents format is refused`(type: String) throws {
    let refusal = try RequestFixture.with(("content-type", type)).refusal(#"{"orderId":7}"#)
    #expect(refusal.problem.problemType == .envelopeInvalid)
  }

  @Test func `a media type that only begins alike is no CloudEvents format`() throws {
    let fixture = RequestFixture.with(("content-type", "application/cloudeventsx"))
    #expect(try fixture.request(#"{"orderId":7}"#).orderID == OrderID(7))
  }

  @Test func `null stands for an absent member`() throws {
    let request = try plain.request(
      #"""
      {"cancelId":null,"orderId":1,"account":null,"priority":null,"reason":null,"origin":null,"campaignId":null,
       "decidedAt":null,"deadline":null,"context":null}
      """#
    )
    #expect(request == CancelRequest(cancelID: "order-cancel.requests/3/42", orderID: try order(1)))
    #expect(try plain.request(#"{"orderId":1,"origin":{"desk":null}}"#).details.origin == .init())
  }

  @Test func `names are compared after their escapes`() throws {
    #expect(try plain.request(#"{"order\u0049d":7}"#).orderID == order(7))
    #expect(try plain.refusal(#"{"orderId":7,"\u006frderId":7}"#).problem.problemType == .duplicateMember)
  }

  @Test func `order ids are exact`() throws {
    for text in ["1", "9007199254740993", "9223372036854775807"] {
      let expected = try order(try #require(Int64(text)))
      #expect(try plain.request("{\"orderId\":\(text)}").orderID == expected)
      #expect(try plain.request("{\"orderId\":\"\(text)\"}").orderID == expected)
    }
    #expect(try plain.request(#"{"orderId":"\u0031\u0032"}"#).orderID == order(12))
  }

  @Test func `lengths are counted in characters, up to the limit`() throws {
    let emoji = String(repeating: "😀", count: 256)
    #expect(try plain.request(#"{"orderId":1,"cancelId":"\#(emoji)"}"#).cancelID == emoji)
    let account = String(repeating: "é", count: 128)
    #expect(try plain.request(#"{"orderId":1,"account":"\#(account)"}"#).account == AccountName(account))
    let reason = String(repeating: "r", count: 1024)
    #expect(try plain.request(#"{"orderId":1,"reason":"\#(reason)"}"#).details.reason == reason)
    let context = #"{"a":"\#(String(repeating: "c", count: 64 * 1024 - 8))"}"#
    #expect(try plain.request(#"{"orderId":1,"context":\#(context)}"#).details.context?.description == context)
  }

  @Test func `names an event by its ce_id unless it has a cancelId`() throws {
    let value = #"{"orderId":1}"#
    #expect(try RequestFixture.binary.request(value).cancelID == "event-1")
    #expect(try RequestFixture.binary.request(#"{"orderId":1,"cancelId":"c"}"#).cancelID == "c")
    #expect(try RequestFixture.binary.request(#"{"orderId":1,"cancelId":null}"#).cancelID == "event-1")
  }

  @Test(arguments: [
    #""data":{"orderId":5,"context":{"a":1}}"#, #""data":{"orderId":5,"context":{"a":1}},"data_base64":null"#,
    #""data_base64":"eyJvcmRlcklkIjo1LCJjb250ZXh0Ijp7ImEiOjF9fQ==""#,
    #""data_base64":"eyJvcmRlcklkIjo1LCJjb250ZXh0Ijp7ImEiOjF9fQ=\u003d","time":"2026-07-30T09:15:00Z","ext":1"#,
  ])
  func `reads structured events`(data: String) throws {
    let fixture = RequestFixture.structured
    let request = try fixture.request(#"{"specversion":"1.0","id":"e-5","source":"/risk",\#(data),"type":"t"}"#)
    #expect(request.cancelID == "e-5")
    #expect(request.orderID == (try order(5)))
    #expect(request.details.context?.description == #"{"a":1}"#)
  }

  @Test(arguments: [
    "application/cloudevents+json", "APPLICATION/CloudEvents+JSON;charset=utf-8", " application/cloudevents+json ; a=b",
  ])
  func `knows structured events by their content type`(type: String) throws {
    let fixture = RequestFixture.with(("Content-Type", type), ("ce_id", "header"))
    let request = try fixture.request(#"{"specversion":"1.0","id":"e","source":"/","type":"t","data":{"orderId":5}}"#)
    #expect(request.cancelID == "e")
  }

  @Test func `attribute names may be in any case`() throws {
    let fixture = RequestFixture.with(("CE_SPECVERSION", "1.0"), ("Ce_Id", "x"), ("CE_Source", "/"), ("ce_TYPE", "t"))
    #expect(try fixture.request(#"{"orderId":1}"#).cancelID == "x")
  }

  private func order(_ value: Int64) throws -> OrderID { try #require(OrderID(value)) }
}
