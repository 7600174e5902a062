import CancelContract
import Testing

struct ReturnedLetterTests {
  private let source = SourceCoordinates(topic: "requests", partition: 3, offset: 99)
  private let problem = Problem(.orderIDMissing, detail: "orderId is missing")
  private let headers = [RecordHeader("trace", "1"), RecordHeader(name: "empty", value: nil)]

  private func returned(_ letter: OutgoingRecord) -> ReturnedLetter {
    ReturnedLetter(place: "0/1", key: letter.key, value: letter.value, headers: letter.headers)
  }

  @Test func `a dead letter gives the message back byte for byte`() {
    let letter = returned(
      DeadLetter.record(key: [1, 0], value: [0xFF, 2], headers: headers, source: source, problem: problem))
    #expect(letter.record == OutgoingRecord(key: [1, 0], value: [0xFF, 2], headers: headers))
    #expect(letter.origin == "requests/3/99")
    #expect(letter.detail == "orderId is missing")
    #expect(letter.problem == problem.type)
    #expect(letter.leftOutBytes == nil)
  }

  @Test func `one that was a dead letter before keeps its earlier headers`() {
    let first = DeadLetter.record(key: nil, value: [1], headers: headers, source: source, problem: problem)
    let again = SourceCoordinates(topic: "requests", partition: 0, offset: 5)
    let letter = returned(
      DeadLetter.record(key: first.key, value: first.value, headers: first.headers, source: again, problem: problem))
    #expect(letter.record == first)
    #expect(letter.origin == "requests/0/5")
  }

  @Test func `one that was too large tells its size`() {
    let value = [UInt8](repeating: 0x20, count: 950_000)
    let letter = returned(
      DeadLetter.record(key: nil, value: value, headers: [], source: source, problem: problem))
    #expect(letter.leftOutBytes == 950_000)
    #expect(letter.record.value == nil && letter.origin == "requests/3/99")
  }
}
