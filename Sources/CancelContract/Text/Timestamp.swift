/// A point in time: microseconds since 1970-01-01T00:00:00Z.
///
/// Kafka stamps records in milliseconds; the worker measures its own stages in microseconds.
public struct Timestamp: Hashable, Comparable, Sendable {
  /// Microseconds since the Unix epoch.
  public var microseconds: Int64

  /// The point `microseconds` after the Unix epoch.
  @inlinable
  public init(microseconds: Int64) {
    self.microseconds = microseconds
  }

  /// The point `milliseconds` after the Unix epoch; saturates at the ends of the range.
  @inlinable
  public init(milliseconds: Int64) {
    let (product, overflow) = milliseconds.multipliedReportingOverflow(by: 1000)
    self.microseconds = overflow ? (milliseconds < 0 ? .min : .max) : product
  }

  /// Later than any other.
  public static let distantFuture = Timestamp(microseconds: .max)

  /// Earlier than any other.
  public static let distantPast = Timestamp(microseconds: .min)

  /// Whether the left point comes first.
  @inlinable
  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.microseconds < right.microseconds
  }

  /// The point `duration` after `timestamp`; saturates at the ends of the range.
  @inlinable
  public static func + (timestamp: Timestamp, duration: Duration) -> Timestamp {
    let (sum, overflow) = timestamp.microseconds.addingReportingOverflow(duration.microseconds)
    return Timestamp(microseconds: overflow ? (duration < .zero ? .min : .max) : sum)
  }

  /// The point `duration` before `timestamp`; saturates at the ends of the range.
  @inlinable
  public static func - (timestamp: Timestamp, duration: Duration) -> Timestamp {
    timestamp + (.zero - duration)
  }

  /// The time from `earlier` to `later`.
  @inlinable
  public static func - (later: Timestamp, earlier: Timestamp) -> Duration {
    let (difference, overflow) = later.microseconds.subtractingReportingOverflow(earlier.microseconds)
    return .microseconds(overflow ? (later < earlier ? .min : .max) : difference)
  }
}

extension Duration {
  /// The whole microseconds in this duration; saturates at the ends of the range.
  @inlinable
  public var microseconds: Int64 {
    // Up to ten hours, either way, without a division of 128 bits: 10^12 is 2^12 times 5^12.
    let attoseconds = attoseconds
    if let scaled = Int64(exactly: attoseconds.magnitude >> 12) {
      let microseconds = scaled / 244_140_625
      return attoseconds < 0 ? -microseconds : microseconds
    }
    return Int64(clamping: attoseconds / 1_000_000_000_000)
  }
}

extension Timestamp {
  /// Reads a date and time of RFC 3339, such as `2026-07-30T09:15:00.250+02:00`.
  ///
  /// Strict: both parts, seconds and an offset (`Z`, `+hh:mm`, `-hh:mm`) must be there. Digits beyond microseconds are
  /// cut off. A leap second (23:59:60 UTC) is read as the second after it. Returns `nil` for anything else.
  public init?(rfc3339 text: String) {
    self.init(rfc3339: Array(text.utf8)[...])
  }

  /// Reads a date and time from its bytes.
  init?(rfc3339 bytes: ArraySlice<UInt8>) {
    var reader = RFC3339Reader(rest: bytes)
    guard let year = reader.digits(4), reader.skip("-"), let month = reader.digits(2), reader.skip("-"),
      let day = reader.digits(2), reader.skip("T") || reader.skip("t"),
      let hour = reader.digits(2), hour < 24, reader.skip(":"),
      let minute = reader.digits(2), minute < 60, reader.skip(":"),
      let second = reader.digits(2), second <= 60,
      let fraction = reader.fraction(), let offset = reader.offset(), reader.rest.isEmpty
    else { return nil }
    let date = CivilDate(year: year, month: month, day: day)
    guard date.isValid else { return nil }
    let minutes = date.daysSinceEpoch * 1440 + hour * 60 + minute - offset
    if second == 60, (minutes + 1) % 1440 != 0 { return nil }
    let utc = Timestamp(microseconds: (minutes * 60 + second) * 1_000_000 + fraction)
    guard (Timestamp.earliestWritable...Timestamp.latestWritable).contains(utc) else { return nil }
    self = utc
  }
}

/// Reads the parts of a date and time.
private struct RFC3339Reader {
  var rest: ArraySlice<UInt8>

  mutating func digits(_ count: Int) -> Int64? {
    guard rest.count >= count, let number = Int64(digits: rest.prefix(count)) else { return nil }
    rest = rest.dropFirst(count)
    return number
  }

  mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard rest.first == UInt8(ascii: character) else { return false }
    rest = rest.dropFirst()
    return true
  }

  /// Microseconds after the second.
  mutating func fraction() -> Int64? {
    guard skip(".") else { return 0 }
    var value: Int64 = 0
    var unit: Int64 = 100_000
    guard digit() != nil else { return nil }
    while let digit = digit() {
      value += digit * unit
      unit /= 10
      rest = rest.dropFirst()
    }
    return value
  }

  /// Minutes that the local time is ahead of UTC.
  mutating func offset() -> Int64? {
    if skip("Z") || skip("z") { return 0 }
    let isAhead = skip("+")
    guard isAhead || skip("-"), let hours = digits(2), hours < 24, skip(":"), let minutes = digits(2), minutes < 60
    else { return nil }
    return isAhead ? hours * 60 + minutes : -(hours * 60 + minutes)
  }

  private func digit() -> Int64? {
    guard let first = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return nil }
    return Int64(first - UInt8(ascii: "0"))
  }
}

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

extension ByteWriter {
  /// Appends the point as `Timestamp.rfc3339` has it: up to 27 bytes.
  mutating func append(rfc3339 timestamp: Timestamp) {
    let timestamp = min(max(timestamp, .earliestWritable), .latestWritable)
    // From here on nothing is negative.
    let sinceYearZero = UInt64(timestamp.microseconds - Timestamp.earliestWritable.microseconds)
    let (day, time) = sinceYearZero.quotientAndRemainder(dividingBy: 86_400_000_000)
    let date = CivilDate(daysSinceEpoch: Int64(day) - CivilDate.daysFromYearZeroToEpoch)
    let (seconds, fraction) = time.quotientAndRemainder(dividingBy: 1_000_000)
    let second = UInt32(seconds)
    append(padded: UInt64(date.year), width: 4)
    append(UInt8(ascii: "-"))
    append(twoDigits: UInt32(date.month), UInt8(ascii: "-"))
    append(twoDigits: UInt32(date.day), UInt8(ascii: "T"))
    append(twoDigits: second / 3600, UInt8(ascii: ":"))
    append(twoDigits: second / 60 % 60, UInt8(ascii: ":"))
    append(twoDigits: second % 60, UInt8(ascii: "."))
    if fraction.isMultiple(of: 1000) {
      append(padded: fraction / 1000, width: 3)
    } else {
      append(padded: fraction, width: 6)
    }
    append(UInt8(ascii: "Z"))
  }
}

/// A day of the Gregorian calendar, extended backwards before its introduction as RFC 3339 has it.
///
/// The arithmetic counts years from 1 March in cycles of 400 years (146,097 days), so that leap days come last.
package struct CivilDate: Hashable {
  /// Days from 0000-01-01 to 1970-01-01.
  static let daysFromYearZeroToEpoch: Int64 = 719_528

  package var year: Int64
  package var month: Int64
  package var day: Int64

  package init(year: Int64, month: Int64, day: Int64) {
    self.year = year
    self.month = month
    self.day = day
  }

  /// The day that is so many days after 1970-01-01; the year must not be negative.
  init(daysSinceEpoch: Int64) {
    let days = daysSinceEpoch + 719_468 + 146_097
    let cycle = days / 146_097
    let dayOfCycle = days % 146_097
    let yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
    let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfCycle + (cycle - 1) * 400 + (month <= 2 ? 1 : 0)
  }

  /// Days from 1970-01-01 to this day; the year must not be negative.
  package var daysSinceEpoch: Int64 {
    let shifted = year - (month <= 2 ? 1 : 0) + 400
    let cycle = shifted / 400
    let yearOfCycle = shifted % 400
    let monthFromMarch = month > 2 ? month - 3 : month + 9
    let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
    let dayOfCycle = yearOfCycle * 365 + yearOfCycle / 4 - yearOfCycle / 100 + dayOfYear
    return (cycle - 1) * 146_097 + dayOfCycle - 719_468
  }

  /// Whether month and day exist.
  package var isValid: Bool {
    guard (1...12).contains(month), day >= 1 else { return false }
    switch month {
    case 4, 6, 9, 11: return day <= 30
    case 2: return day <= (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28)
    default: return day <= 31
    }
  }
}
