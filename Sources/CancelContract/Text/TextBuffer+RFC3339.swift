extension Timestamp {
  /// The first point of the year 0000, the earliest that RFC 3339 can write.
  static let earliestWritable = Timestamp(microseconds: -62_167_219_200_000_000)
  /// The last microsecond of the year 9999, the latest that RFC 3339 can write.
  static let latestWritable = Timestamp(microseconds: 253_402_300_799_999_999)

  /// The point as RFC 3339 has it, in UTC, with milliseconds or, where they are needed, microseconds.
  ///
  /// A point outside of the years 0000 to 9999 is written as the nearest one within.
  public var rfc3339: String { String(decoding: [UInt8](rfc3339: self), as: UTF8.self) }
}

extension TextBuffer {
  /// Appends the point as `Timestamp.rfc3339` has it: up to 27 bytes.
  mutating func append(rfc3339 timestamp: Timestamp) {
    let timestamp = min(max(timestamp, .earliestWritable), .latestWritable)
    // From here on nothing is negative.
    let sinceYearZero = UInt64(timestamp.microseconds - Timestamp.earliestWritable.microseconds)
    let (day, time) = sinceYearZero.quotientAndRemainder(dividingBy: 86_400_000_000)
    let date = CivilDate(daysSinceEpoch: Int64(day) - CivilDate.daysFromYearZeroToEpoch)
    let (seconds, fraction) = time.quotientAndRemainder(dividingBy: 1_000_000)
    append(padded: UInt64(date.year), width: 4)
    append(UInt8(ascii: "-"))
    append(padded: UInt64(date.month), width: 2)
    append(UInt8(ascii: "-"))
    append(padded: UInt64(date.day), width: 2)
    append(UInt8(ascii: "T"))
    append(padded: seconds / 3600, width: 2)
    append(UInt8(ascii: ":"))
    append(padded: seconds / 60 % 60, width: 2)
    append(UInt8(ascii: ":"))
    append(padded: seconds % 60, width: 2)
    append(UInt8(ascii: "."))
    if fraction.isMultiple(of: 1000) {
      append(padded: fraction / 1000, width: 3)
    } else {
      append(padded: fraction, width: 6)
    }
    append(UInt8(ascii: "Z"))
  }
}
