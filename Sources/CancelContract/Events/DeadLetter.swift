/// A record ready to be produced: its topic and partition are the caller's to choose.
public struct OutgoingRecord: Hashable, Sendable {
  /// The key; `nil` is Kafka's null.
  public var key: [UInt8]?
  /// The value; `nil` is Kafka's null (a tombstone).
  public var value: [UInt8]?
  /// The headers in their order.
  public var headers: [RecordHeader]

  /// A record with the given parts.
  public init(key: [UInt8]?, value: [UInt8]?, headers: [RecordHeader]) {
    self.key = key
    self.value = value
    self.headers = headers
  }
}

/// One header of a record: a name and, where there is one, a value of any bytes.
public struct RecordHeader: Hashable, Sendable {
  /// The name; a record may carry the same name more than once.
  public var name: String
  /// The bytes; `nil` is Kafka's null, not the empty value.
  public var value: [UInt8]?

  /// A header with these bytes.
  public init(name: String, value: [UInt8]?) {
    self.name = name
    self.value = value
  }

  /// A header with this text in UTF-8.
  public init(_ name: String, _ value: String) {
    self.init(name: name, value: Array(value.utf8))
  }
}

/// A record that could not be read, as it goes to the dead-letter topic.
///
/// Key, value and headers are byte for byte those of the record; our headers follow its own. A record that was a dead
/// letter before has them twice, of which the last ones count. A record so large that it could not take our headers as
/// well is left where it is: the dead letter has only our headers, which tell where.
public enum DeadLetter {
  /// The topic from which the record came.
  public static let topicHeader = "dead-letter-topic"
  /// The partition's number, in decimal digits.
  public static let partitionHeader = "dead-letter-partition"
  /// The record's offset, in decimal digits.
  public static let offsetHeader = "dead-letter-offset"
  /// The problem's `type`.
  public static let problemHeader = "dead-letter-problem"
  /// The problem's `detail`.
  public static let detailHeader = "dead-letter-detail"

  /// Present where the record itself was left out; its size in bytes.
  public static let leftOutHeader = "dead-letter-left-out-bytes"

  /// The largest record that is repeated: a broker's default limit is 1,048,588 bytes, librdkafka's 1,000,000, both with
  /// what they add to it.
  static let largestRepeated = 900_000

  /// The record for the dead-letter topic.
  public static func record(
    key: [UInt8]?,
    value: [UInt8]?,
    headers: [RecordHeader],
    source: SourceCoordinates,
    problem: Problem
  ) -> OutgoingRecord {
    let ours = [
      RecordHeader(topicHeader, source.topic),
      RecordHeader(partitionHeader, String(source.partition)),
      RecordHeader(offsetHeader, String(source.offset)),
      RecordHeader(problemHeader, problem.type ?? "about:blank"),
      RecordHeader(detailHeader, problem.detail ?? ""),
    ]
    let size = headers.reduce((key?.count ?? 0) + (value?.count ?? 0)) {
      $0 + $1.name.utf8.count + ($1.value?.count ?? 0) + 16
    }
    guard size <= largestRepeated else {
      return OutgoingRecord(key: nil, value: nil, headers: ours + [RecordHeader(leftOutHeader, String(size))])
    }
    return OutgoingRecord(key: key, value: value, headers: headers + ours)
  }
}

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
