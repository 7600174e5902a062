import CancelContract
import Testing

struct BadEnvelopeTests {
  @Test(arguments: ["ce_specversion", "ce_id", "ce_source", "ce_type"])
  func `each attribute must be there, once and not empty`(name: String) throws {
    let value = #"{"orderId":9,"campaignId":"k"}"#
    var missing = RequestFixture.binary
    missing.headers.removeAll { $0.name == name }
    var empty = missing
    empty.headers.append(RecordHeader(name, ""))
    var null = missing
    null.headers.append(RecordHeader(name: name, value: nil))
    var twice = RequestFixture.binary
    twice.headers.append(RecordHeader(name.uppercased(), "1.0"))
    var notUTF8 = missing
    notUTF8.headers.append(RecordHeader(name: name, value: [0x31, 0xFF]))
    for fixture in [missing, empty, null, twice, notUTF8] {
      let refusal = try fixture.refusal(value)
      #expect(refusal.problem.problemType == .envelopeInvalid)
      #expect(refusal.problem.detail?.contains("`\(name)`") == true, "\(refusal.problem)")
      #expect(refusal.orderID == OrderID(9))
      #expect(refusal.echo.details.campaignID == "k")
      #expect(!refusal.cancelID.isEmpty)
    }
  }

  @Test func `other versions and formats are refused`() throws {
    var version = RequestFixture.binary
    version.headers[0] = RecordHeader("ce_specversion", "0.3")
    #expect(try version.refusal(#"{"orderId":9}"#).problem.detail == "`ce_specversion` must be \"1.0\"")
    for type in ["application/cloudevents-batch+json", "application/cloudevents+avro", "application/cloudevents"] {
      let refusal = try RequestFixture.with(("content-type", type)).refusal(#"{"orderId":9}"#)
      #expect(refusal.problem.problemType == .envelopeInvalid)
      #expect(refusal.problem.detail?.contains("application/cloudevents+json") == true)
    }
  }

  @Test func `an id that can't name the request is refused where it has to`() throws {
    var long = RequestFixture.binary
    long.headers[1] = RecordHeader("ce_id", String(repeating: "x", count: 257))
    let refusal = try long.refusal(#"{"orderId":9}"#)
    #expect(refusal.problem.problemType == .envelopeInvalid)
    #expect(refusal.cancelID == "order-cancel.requests/3/42")
    #expect(try long.request(#"{"orderId":9,"cancelId":"c"}"#).cancelID == "c")
  }

  @Test(arguments: [
    (#"{"id":"e","source":"/","type":"t","data":{"orderId":9}}"#, ProblemType.envelopeInvalid, "specversion"),
    (#"{"specversion":"1.1","id":"e","source":"/","type":"t","data":{"orderId":9}}"#, .envelopeInvalid, "\"1.0\""),
    (#"{"specversion":1.0,"id":"e","source":"/","type":"t","data":{"orderId":9}}"#, .envelopeInvalid, "string"),
    (#"{"specversion":"1.0","id":"","source":"/","type":"t","data":{"orderId":9}}"#, .envelopeInvalid, "`id`"),
    (#"{"specversion":"1.0","id":null,"source":"/","type":"t","data":{"orderId":9}}"#, .envelopeInvalid, "`id`"),
    (#"{"specversion":"1.0","id":"e","type":"t","data":{"orderId":9}}"#, .envelopeInvalid, "`source`"),
    (#"{"specversion":"1.0","id":"e","source":"/","data":{"orderId":9}}"#, .envelopeInvalid, "`type`"),
    (
      #"{"specversion":"1.0","id":"e","source":"/","type":"t","data":{"orderId":9},"data":{}}"#, .duplicateMember,
      "data"
    ),
    (
      #"{"specversion":"1.0","id":"e","source":"/","type":"t","data":{"orderId":9},"data_base64":"e30="}"#,
      .envelopeInvalid, "exclude"
    ),
    (
      #"{"specversion":"1.0","id":"e","source":"/","type":"t","data":{"orderId":9,"account":5}}"#, .memberInvalid,
      "account"
    ),
  ])
  func `structured events are checked`(value: String, type: ProblemType, says: String) throws {
    let refusal = try RequestFixture.structured.refusal(value)
    #expect(refusal.problem.problemType == type)
    #expect(refusal.problem.detail?.contains(says) == true, "\(refusal.problem)")
    #expect(refusal.orderID == OrderID(9))
  }

  @Test(arguments: [
    (#"[]"#, ProblemType.notAnObject), (#"{"specversion":"1.0""#, .notJSON),
    (#"{"specversion":"1.0","id":"e","source":"/","type":"t"}"#, .emptyValue),
    (#"{"specversion":"1.0","id":"e","source":"/","type":"t","data":null}"#, .emptyValue),
    (#"{"specversion":"1.0","id":"e","source":"/","type":"t","data":"{}"}"#, .notAnObject),
    (#"{"specversion":"1.0","id":"e","source":"/","type":"t","data":{}}"#, .orderIDMissing),
    (#"{"specversion":"1.0","id":"e","source":"/","type":"t","data_base64":"e30"}"#, .envelopeInvalid),
    (#"{"specversion":"1.0","id":"e","source":"/","type":"t","data_base64":"e3 0"}"#, .envelopeInvalid),
    (#"{"specversion":"1.0","id":"e","source":"/","type":"t","data_base64":"e31="}"#, .envelopeInvalid),
    (#"{"specversion":"1.0","id":"e","source":"/","type":"t","data_base64":"e3s="}"#, .notJSON),
    (#"{"specversion":"1.0","id":"e","source":"/","type":"t","data_base64":7}"#, .envelopeInvalid),
    (#"{"orderId":9}"#, .envelopeInvalid),
  ])
  func `structured events without a request are refused`(value: String, type: ProblemType) throws {
    #expect(try RequestFixture.structured.refusal(value).problem.problemType == type)
  }
}
