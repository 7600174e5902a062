/// A record of the dead-letter topic, taken apart into the message that could not be read and why.
public struct ReturnedLetter: Sendable {
  /// Where the letter stands: `partition/offset` of the dead-letter topic.
  public var place: String
  /// The message as it was sent.
  public var record: OutgoingRecord
  /// Where the message stands: `topic/partition/offset`.
  public var origin: String
  /// The problem's type.
  public var problem: String
  /// What the problem was.
  public var detail: String
  /// The message's size where it was too large to be repeated, in bytes; then `record` is empty.
  public var leftOutBytes: Int?

  /// Takes a record of the dead-letter topic apart.
  public init(place: String, key: [UInt8]?, value: [UInt8]?, headers: [RecordHeader]) {
    // A message that was a dead letter before carries the earlier headers as its own: the last ones are ours.
    func last(_ name: String) -> String? {
      headers.last { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
    }
    let first = headers.lastIndex { $0.name == DeadLetter.topicHeader } ?? headers.endIndex
    self.place = place
    let leftOut = headers[first...].first { $0.name == DeadLetter.leftOutHeader }?.value
    leftOutBytes = leftOut.flatMap { Int(String(decoding: $0, as: UTF8.self)) }
    record = OutgoingRecord(key: key, value: value, headers: Array(headers[..<first]))
    origin =
      "\(last(DeadLetter.topicHeader) ?? "?")/\(last(DeadLetter.partitionHeader) ?? "?")/\(last(DeadLetter.offsetHeader) ?? "?")"
    problem = last(DeadLetter.problemHeader) ?? "?"
    detail = last(DeadLetter.detailHeader) ?? ""
  }
}
