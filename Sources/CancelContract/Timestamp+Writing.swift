extension Timestamp {
  /// The first point of the year 0000, the earliest that RFC 3339 can write.
  static let earliestWritable = Timestamp(microseconds: -62_167_219_200_000_000)
  /// The last microsecond of the year 9999, the latest that RFC 3339 can write.
  static let latestWritable = Timestamp(microseconds: 253_402_300_799_999_999)

  /// The point as RFC 3339 has it, in UTC, with milliseconds or, where they are needed, microseconds.
  ///
  /// A point outside of the years 0000 to 9999 is written as the nearest one within.
  public var rfc3339: String {
    var bytes: [UInt8] = []
    bytes.appendRFC3339(self)
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension [UInt8] {
  /// Appends the point as `Timestamp.rfc3339` has it.
  mutating func appendRFC3339(_ timestamp: Timestamp) {
    let timestamp = Swift.min(Swift.max(timestamp, .earliestWritable), .latestWritable)
    let (day, time) = timestamp.microseconds.flooredDivision(by: 86_400_000_000)
    let date = CivilDate(daysSinceEpoch: day)
    let seconds = time / 1_000_000
    let fraction = time % 1_000_000
    appendPadded(date.year, width: 4)
    append(UInt8(ascii: "-"))
    appendPadded(date.month, width: 2)
    append(UInt8(ascii: "-"))
    appendPadded(date.day, width: 2)
    append(UInt8(ascii: "T"))
    appendPadded(seconds / 3600, width: 2)
    append(UInt8(ascii: ":"))
    appendPadded(seconds / 60 % 60, width: 2)
    append(UInt8(ascii: ":"))
    appendPadded(seconds % 60, width: 2)
    append(UInt8(ascii: "."))
    if fraction % 1000 == 0 {
      appendPadded(fraction / 1000, width: 3)
    } else {
      appendPadded(fraction, width: 6)
    }
    append(UInt8(ascii: "Z"))
  }
}

extension Int64 {
  /// The quotient rounded down, and what is left, which is never negative.
  fileprivate func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
