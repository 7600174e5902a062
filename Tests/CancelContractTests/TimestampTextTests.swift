import CancelContract
import Foundation
import Testing

struct TimestampTextTests {
  static let pairs: [(text: String, microseconds: Int64)] = [
    ("1970-01-01T00:00:00.000Z", 0),
    ("2026-07-30T09:15:00.250Z", 1_785_402_900_250_000),
    ("2024-02-29T23:59:59.999999Z", 1_709_251_199_999_999),
    ("1969-12-31T23:59:59.999Z", -1000),
    ("0001-01-01T00:00:00.000Z", -62_135_596_800_000_000),
    ("0000-01-01T00:00:00.000Z", -62_167_219_200_000_000),
    ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
  ]

  @Test(arguments: pairs)
  func `writes and reads RFC 3339`(text: String, microseconds: Int64) {
    let timestamp = Timestamp(microseconds: microseconds)
    #expect(timestamp.rfc3339 == text)
    #expect(Timestamp(rfc3339: text) == timestamp)
  }

  @Test(arguments: [
    ("2026-07-30T11:15:00.25+02:00", "2026-07-30T09:15:00.250Z"),
    ("2026-07-30t09:15:00z", "2026-07-30T09:15:00.000Z"),
    ("2026-07-30T09:15:00-00:00", "2026-07-30T09:15:00.000Z"),
    ("2026-07-30T00:00:00+23:59", "2026-07-29T00:01:00.000Z"),
    ("2026-07-30T09:15:00.1234567899Z", "2026-07-30T09:15:00.123456Z"),
    ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
    ("2016-12-31T15:59:60.5-08:00", "2017-01-01T00:00:00.500Z"),
    ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"),
  ])
  func `reads offsets, fractions and leap seconds`(text: String, utc: String) {
    #expect(Timestamp(rfc3339: text)?.rfc3339 == utc)
  }

  @Test(arguments: [
    "", "2026-07-30", "2026-07-30T09:15:00", "2026-07-30T09:15Z", "2026-07-30 09:15:00Z", "26-07-30T09:15:00Z",
    "2026-7-30T09:15:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-07-00T00:00:00Z", "2026-07-30T24:00:00Z",
    "2026-07-30T09:60:00Z", "2026-07-30T09:15:61Z", "2026-07-30T09:15:60Z", "2026-07-30T09:15:00.Z",
    "2026-07-30T09:15:00+2:00", "2026-07-30T09:15:00+0200", "2026-07-30T09:15:00+24:00", "2026-07-30T09:15:00+02:60",
    "2026-07-30T09:15:00ZZ", " 2026-07-30T09:15:00Z", "2026-07-30T09:15:00Z ", "+2026-07-30T09:15:00Z",
    "2026-07-30T09:15:00,5Z", "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:00-00:01", "9999-12-31T23:59:60Z",
    "tomorrow", "２０２６-07-30T09:15:00Z",
  ])
  func `refuses what is not RFC 3339`(text: String) {
    #expect(Timestamp(rfc3339: text) == nil)
  }

  @Test func `every day of 800 years agrees with Foundation`() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
    // From 1600, for Foundation's calendar is Julian before October 1582.
    for day in Int64(-135_140)..<157_000 {
      let timestamp = Timestamp(microseconds: day * 86_400_000_000 + 43_200_000_000)
      let date = Date(timeIntervalSince1970: Double(day) * 86_400 + 43_200)
      let parts = calendar.dateComponents([.year, .month, .day], from: date)
      let year = try #require(parts.year)
      let month = try #require(parts.month)
      let number = try #require(parts.day)
      let pad = { (value: Int) in (value < 10 ? "0" : "") + String(value) }
      let expected = "\(year)-\(pad(month))-\(pad(number))T12:00:00.000Z"
      if timestamp.rfc3339 != expected || Timestamp(rfc3339: expected) != timestamp {
        Issue.record("day \(day): \(timestamp.rfc3339) instead of \(expected)")
        return
      }
    }
  }

  @Test func `points beyond the year 9999 are written as its end`() {
    #expect(Timestamp.distantFuture.rfc3339 == "9999-12-31T23:59:59.999999Z")
    #expect(Timestamp.distantPast.rfc3339 == "0000-01-01T00:00:00.000Z")
  }
}
