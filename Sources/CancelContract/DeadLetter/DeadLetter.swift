/// A record that could not be read, as it goes to the dead-letter topic.
///
/// Key, value and headers are byte for byte those of the record; behind its headers stand ours. A record that was a dead
/// letter before has them twice, of which the last ones count.
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
    return OutgoingRecord(key: key, value: value, headers: headers + ours)
  }
}
