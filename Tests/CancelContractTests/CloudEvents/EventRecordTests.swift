import CancelContract
import Testing

struct EventRecordTests {
  private let worker = WorkerIdentity(instance: "w-0", version: "1.0.0")
  private let result = Golden.accepted.result

  private func names(_ record: OutgoingRecord) -> [String] { record.headers.map(\.name) }

  @Test func `an echoed header never stands beside one of ours`() {
    var result = result
    result.echo.echoedHeaders = [
      RecordHeader("CE_ID", "x"), RecordHeader("Content-Type", "text/html"), RecordHeader("ce_extra", "kept"),
      RecordHeader("correlation-id", "kept"),
    ]
    let record = ResultEncoder(worker: worker, eventSource: "/w").encode(result)
    let ours = ["content-type", "ce_specversion", "ce_type", "ce_source", "ce_id", "ce_time", "ce_subject"]
    #expect(names(record) == ours + ["ce_extra", "correlation-id"])
  }

  @Test func `a result without an order has no subject`() {
    var result = result
    result.orderID = nil
    let record = ResultEncoder(worker: worker, eventSource: "/w").encode(result)
    #expect(!names(record).contains("ce_subject"))
  }

  @Test func `other events are not taken for results`() throws {
    let progress = ProgressEncoder(worker: worker, eventSource: "/w").encode(Golden.waiting.event)
    let fault = try #require(throws: UnreadableEvent.self) {
      try ResultDecoder().decode(value: progress.value, headers: progress.headers)
    }
    #expect(fault.code == .otherType)
  }

  @Test func `faults of events say what is missing`() throws {
    let decode = { (text: String?) in
      try #require(throws: UnreadableEvent.self) { try ResultDecoder().decode(value: text.map { Array($0.utf8) }) }
    }
    #expect(try decode(nil).code == .emptyValue)
    #expect(try decode("{").code == .notJSON)
    #expect(try decode("[]").code == .notJSON)
    #expect(try decode("{}").description == "`cancelId` is missing")
    #expect(try decode(#"{"cancelId":5}"#).description.contains("`cancelId`"))
    #expect(
      try decode(#"{"cancelId":"c","source":{"topic":"t","partition":0,"offset":1},"outcome":"odd"}"#).description
        .contains("`outcome`"))
  }

  @Test func `a dead letter is the record with five headers more`() {
    let headers = [RecordHeader("a", "b"), RecordHeader(name: "a", value: nil), RecordHeader(name: "", value: [0xFF])]
    let problem = Problem(.notJSON, detail: "expected a value")
    let record = DeadLetter.record(
      key: [0xFF, 0x00],
      value: nil,
      headers: headers,
      source: SourceCoordinates(topic: "t", partition: 7, offset: 8),
      problem: problem
    )
    #expect(record.key == [0xFF, 0x00])
    #expect(record.value == nil)
    #expect(
      record.headers == headers + [
        RecordHeader("dead-letter-topic", "t"), RecordHeader("dead-letter-partition", "7"),
        RecordHeader("dead-letter-offset", "8"),
        RecordHeader("dead-letter-problem", "urn:cancel-worker:problem:not-json"),
        RecordHeader("dead-letter-detail", "expected a value"),
      ]
    )
  }

  @Test func `a dead letter of a record that is too large tells where it lies`() {
    let record = DeadLetter.record(
      key: [1],
      value: Array(repeating: 0x20, count: 900_000),
      headers: [RecordHeader("a", "b")],
      source: SourceCoordinates(topic: "t", partition: 7, offset: 8),
      problem: Problem(.notJSON, detail: "expected a value")
    )
    #expect(record.key == nil)
    #expect(record.value == nil)
    #expect(record.headers.first == RecordHeader("dead-letter-topic", "t"))
    #expect(record.headers.last == RecordHeader("dead-letter-left-out-bytes", "900019"))
  }
}
