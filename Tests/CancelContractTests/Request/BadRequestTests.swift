import CancelContract
import Foundation
import Testing

struct BadRequestTests {
  /// One way to be wrong: the value, its problem, and what the detail must name.
  struct Case: Sendable, CustomTestStringConvertible {
    var value: [UInt8]?
    var type: ProblemType
    var says: [String]
    var testDescription: String { "\(type): \(String(decoding: (value ?? []).prefix(60), as: UTF8.self))" }

    init(_ text: String, _ type: ProblemType, _ says: String...) {
      (value, self.type, self.says) = (Array(text.utf8), type, says)
    }

    init(bytes: [UInt8]?, _ type: ProblemType, _ says: String...) {
      (value, self.type, self.says) = (bytes, type, says)
    }
  }

  static let wholeMessages: [Case] = [
    Case(bytes: nil, .emptyValue, "no value", "orderId"),
    Case(bytes: [], .emptyValue, "no value"),
    Case(bytes: Array(repeating: 0x20, count: 128 * 1024 + 1), .tooLarge, "131073", "at most 131072"),
    Case(" ", .notJSON, "byte 1", "found the end"),
    Case("garbage", .notJSON, "byte 0", "`g`"),
    Case(bytes: [0, 0, 0, 0, 7, 0x7B], .notJSON, "schema registry"),
    Case("\u{FEFF}{\"orderId\":1}", .notJSON, "byte order mark"),
    Case(bytes: [0xFF, 0xFE, 0x7B, 0x00], .notUTF8, "byte 0", "UTF-8"),
    Case(bytes: Array("{\"orderId\":1,\"reason\":\"caf".utf8) + [0xE9, 0x22, 0x7D], .notUTF8, "byte 26"),
    Case("{\"orderId\":1", .notJSON, "byte 12", "found the end"),
    Case("{\"orderId\":1}}", .notJSON, "byte 13"),
    Case("{\"orderId\":1,}", .notJSON, "byte 13"),
    Case("{'orderId':1}", .notJSON, "double quotes"),
    Case("{\"orderId\":0001}", .notJSON, "leading zeros"),
    Case("{\"orderId\":+1}", .notJSON, "a value"),
    Case("{\"orderId\":1,\"reason\":\"\\ud800\"}", .notJSON, "surrogate"),
    Case(String(repeating: "{\"a\":", count: 10_000), .notJSON, "at most 64"),
    Case(String(repeating: "[", count: 100_000), .notJSON, "at most 64"),
    Case("{\"orderId\":1,\"context\":" + String(repeating: "{\"a\":", count: 64) + "1", .notJSON, "at most 64"),
    Case("[{\"orderId\":1}]", .notAnObject, "an array", "orderId"),
    Case("\"{}\"", .notAnObject, "a string"),
    Case("13902598", .notAnObject, "a number"),
    Case("null", .notAnObject, "null"),
  ]

  static let orders: [Case] = [
    Case("{}", .orderIDMissing, "`orderId` is missing", "send"),
    Case("{\"account\":\"a\"}", .orderIDMissing, "`orderId`"),
    Case("{\"order_id\":1}", .orderIDMissing, "`order_id` is there"),
    Case("{\"OrderID\":1}", .orderIDMissing, "`OrderID` is there"),
    Case("{\"id\":1}", .orderIDMissing, "`id` is there"),
    Case("{\"orderId\":null}", .orderIDMissing, "null"),
    Case("{\"orderId\":0}", .orderIDInvalid, "zero"),
    Case("{\"orderId\":-0}", .orderIDInvalid, "zero"),
    Case("{\"orderId\":\"0\"}", .orderIDInvalid, "zero"),
    Case("{\"orderId\":-5}", .orderIDInvalid, "negative"),
    Case("{\"orderId\":1.5}", .orderIDInvalid, "fraction"),
    Case("{\"orderId\":1e-3}", .orderIDInvalid, "fraction"),
    Case("{\"orderId\":9223372036854775808}", .orderIDInvalid, "64 bits"),
    Case("{\"orderId\":\"9223372036854775808\"}", .orderIDInvalid, "64 bits"),
    Case("{\"orderId\":\"\"}", .orderIDInvalid, "digits"),
    Case("{\"orderId\":\" 1\"}", .orderIDInvalid, "digits"),
    Case("{\"orderId\":\"1 \"}", .orderIDInvalid, "digits"),
    Case("{\"orderId\":\"+1\"}", .orderIDInvalid, "digits"),
    Case("{\"orderId\":\"-1\"}", .orderIDInvalid, "digits"),
    Case("{\"orderId\":\"007\"}", .orderIDInvalid, "leading zeros"),
    Case("{\"orderId\":\"1e3\"}", .orderIDInvalid, "digits"),
    Case("{\"orderId\":\"1.0\"}", .orderIDInvalid, "digits"),
    Case("{\"orderId\":\"0x1F\"}", .orderIDInvalid, "digits"),
    Case("{\"orderId\":\"abc\"}", .orderIDInvalid, "digits"),
    Case("{\"orderId\":\"１２\"}", .orderIDInvalid, "digits"),
    Case("{\"orderId\":true}", .orderIDInvalid, "a boolean"),
    Case("{\"orderId\":[1]}", .orderIDInvalid, "an array"),
    Case("{\"orderId\":{\"value\":1}}", .orderIDInvalid, "an object"),
    Case("{\"orderId\":1,\"orderId\":2}", .duplicateMember, "`orderId`", "once"),
  ]

  /// All of these have the order 1.
  static let members: [Case] = [
    member("cancelId", "\"\"", "1 to 256"), member("cancelId", "5", "must be a string", "a number"),
    member("cancelId", "\"" + String(repeating: "x", count: 257) + "\"", "1 to 256"),
    member("cancelId", "\"a\\nb\"", "control"),
    member("account", "\"\"", "1 to 128"), member("account", "[]", "must be a string"),
    member("account", "\"" + String(repeating: "é", count: 129) + "\"", "1 to 128"),
    member("priority", "\"urgent\"", "routine", "killSwitch"), member("priority", "\"killswitch\"", "killSwitch"),
    member("priority", "1", "killSwitch", "a number"), member("priority", "\"\"", "killSwitch"),
    member("reason", "{}", "must be a string"),
    member("reason", "\"" + String(repeating: "x", count: 1025) + "\"", "1024"),
    member("origin", "\"risk\"", "must be an object"),
    Case("{\"orderId\":1,\"origin\":{\"desk\":7}}", .memberInvalid, "`origin.desk`", "string"),
    Case(
      "{\"orderId\":1,\"origin\":{\"actor\":\"" + String(repeating: "x", count: 257) + "\"}}", .memberInvalid,
      "`origin.actor`", "256"),
    member("campaignId", "false", "must be a string"),
    member("campaignId", "\"" + String(repeating: "x", count: 257) + "\"", "256"),
    member("decidedAt", "\"yesterday\"", "RFC 3339"), member("decidedAt", "1785402900", "milliseconds"),
    member("decidedAt", "1785402900250000000", "milliseconds"), member("decidedAt", "1785402900250.5", "milliseconds"),
    member("deadline", "\"2026-02-30T00:00:00Z\"", "RFC 3339"), member("deadline", "\"1785402900250\"", "RFC 3339"),
    member("deadline", "-1", "milliseconds"), member("deadline", "{}", "RFC 3339"),
    member("context", "[1]", "must be an object", "an array"), member("context", "\"x\"", "must be an object"),
    member("context", "{\"a\":\"" + String(repeating: "x", count: 64 * 1024) + "\"}", "65536 bytes"),
    Case("{\"orderId\":1,\"account\":\"a\",\"account\":\"a\"}", .duplicateMember, "`account`"),
    Case("{\"orderId\":1,\"context\":{},\"context\":null}", .duplicateMember, "`context`"),
    Case("{\"orderId\":1,\"origin\":{\"desk\":\"a\",\"desk\":\"b\"}}", .duplicateMember, "`origin.desk`"),
  ]

  static func member(_ name: String, _ value: String, _ says: String...) -> Case {
    var result = Case("{\"orderId\":1,\"\(name)\":\(value)}", .memberInvalid, "`\(name)`", "column")
    result.says += says
    return result
  }

  @Test(arguments: wholeMessages + orders + members)
  func `each fault has its type and says how to mend it`(bad: Case) throws {
    let refusal = try RequestFixture().refusal(bad.value)
    #expect(refusal.problem.problemType == bad.type, "\(refusal.problem)")
    let detail = try #require(refusal.problem.detail)
    for part in bad.says { #expect(detail.contains(part), "\(detail)") }
    #expect(refusal.cancelID == "order-cancel.requests/3/42")
    try expectWellFormed(refusal)
  }

  @Test(arguments: members)
  func `a bad member leaves the order known`(bad: Case) throws {
    #expect(try RequestFixture().refusal(bad.value).orderID == OrderID(1))
  }

  @Test func `what could be read stands in the result, before and behind the fault`() throws {
    let refusal = try RequestFixture.binary.refusal(
      #"{"account":"a","priority":"?","orderId":"77","campaignId":"k","context":{"x": 1},"decidedAt":1785402900250}"#
    )
    let result = refusal.result(answeredAt: RequestFixture.receivedAt)
    #expect(result.outcome == .invalid)
    #expect(result.cancelID == "event-1")
    #expect(result.orderID == OrderID(77))
    #expect(result.account == "a")
    #expect(result.echo.details.campaignID == "k")
    #expect(result.echo.details.context?.description == #"{"x": 1}"#)
    #expect(result.echo.details.decidedAt == Timestamp(milliseconds: 1_785_402_900_250))
    #expect(result.problem?.problemType == .memberInvalid)
    #expect(result.attempts == 0)
    #expect(result.token == nil)
  }

  @Test func `an order id whose digits may be missing is not taken for one`() throws {
    #expect(try RequestFixture().refusal(#"{"cancelId":"c","orderId":12"#).orderID == nil)
    #expect(try RequestFixture().refusal(#"{"cancelId":"c","orderId":12,"#).orderID == OrderID(12))
    #expect(try RequestFixture().refusal(#"{"cancelId":"c","orderId":12"#).cancelID == "c")
  }

  @Test func `an order id that stands twice is none`() throws {
    #expect(try RequestFixture().refusal(#"{"orderId":1,"orderId":2}"#).orderID == nil)
    #expect(try RequestFixture().refusal(#"{"orderId":1,"orderId":2,"orderId":3}"#).orderID == nil)
  }

  @Test func `every truncation is refused and still answered`() throws {
    let text = Array(
      #"{"cancelId":"c-1","orderId":"12345","account":"é","origin":{"desk":"fx"},"context":{"a":[1,"\u00e9"]}}"#.utf8
    )
    _ = try RequestFixture().decode(text).get()
    for length in 0..<text.count {
      let refusal = try RequestFixture().refusal(Array(text.prefix(length)))
      #expect(refusal.orderID == nil || refusal.orderID == OrderID(12345))
      try expectWellFormed(refusal)
    }
  }

  private func expectWellFormed(_ refusal: UnreadableRequest) throws {
    let encoder = ResultEncoder(worker: .init(instance: "w", version: "1"), eventSource: "/w")
    let result = refusal.result(answeredAt: RequestFixture.receivedAt)
    let record = encoder.encode(result)
    let value = try #require(record.value)
    #expect(try ResultDecoder().decode(value: value, key: record.key, headers: record.headers).result == result)
    #expect(try JSONSerialization.jsonObject(with: Data(value)) is [String: Any])
  }
}
