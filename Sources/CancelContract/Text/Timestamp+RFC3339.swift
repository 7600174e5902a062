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
